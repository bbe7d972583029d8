"""Rules for the patterns of `tags` and `paths`: each function returns the text, or raises ValueError with the fix.

The patterns are CodePipeline's: https://docs.aws.amazon.com/codepipeline/latest/userguide/syntax-glob.html
"""

import re

MOST_PATTERNS = 8
"""Of each list: https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GitFilePathFilterCriteria.html"""

_LONGEST = 255  # the same page
_WILDCARDS = re.compile(r"[*?\[{]")


def tag_pattern(text: str) -> str:
    """A pattern of Git tags: `v*`, `orders-v*`."""
    if text.startswith("refs/tags/"):
        raise ValueError(f"leave refs/tags/ out: {text.removeprefix('refs/tags/') or 'v*'}")
    return _pattern(text, example="v*")


def path_pattern(text: str) -> str:
    """A pattern of files in a repository: `services/orders/**`."""
    stripped = text.removeprefix("./").strip("/")
    if text.endswith("/"):
        raise ValueError(f"a folder is all that is in it: {f'{stripped}/**' if stripped else '**'}")
    if text != stripped:
        raise ValueError(f"a path begins at the repository's root, without ./ and /: {stripped}")
    if ".." in text.split("/"):
        raise ValueError("use a path inside the repository, without .., such as services/orders/**")
    return _pattern(text, example="services/orders/**")


def is_folder_of(pattern: str, path: str) -> bool:
    """Whether a pattern without wildcards names a folder that the path is in, so that it matches no file."""
    return not _WILDCARDS.search(pattern) and f"{path}/".startswith(f"{pattern}/") and path != pattern


def _pattern(text: str, *, example: str) -> str:
    if not 1 <= len(text) <= _LONGEST or re.search(r"[\x00-\x20\x7f]", text):
        raise ValueError(f"use a pattern of 1 to {_LONGEST} characters without spaces, such as {example}")
    if text.startswith("!"):
        raise ValueError("a pattern cannot exclude: name what counts")
    depth = 0
    for character in re.sub(r"\\.|\[[^\]]*\]", "", text):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth not in (0, 1):
            raise ValueError("close each { with a }, and put none inside another")
    if depth or re.sub(r"\\.|\[[^\]]+\]", "", text).count("["):
        raise ValueError("close each { with a } and each [ with a ]")
    return text
