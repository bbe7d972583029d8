"""Adds error messages to the fields of a pydantic model."""

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError

from pythonbase_settings.fields.unquoted import Unquoted
from pythonbase_settings.problems import shown_text

FIX_ERROR = "fix"
"""Type of the pydantic errors whose context holds the fix."""


def fix_error(fix: str) -> PydanticCustomError:
    """A validation error with the fix for the value."""
    return PydanticCustomError(FIX_ERROR, "{fix}", {"fix": fix})


def rule(fix: str) -> WrapValidator:
    """Reports every error in the annotated value with `fix`, with the text of the ValueError that a check raised, or
    with the quotes to add or to remove. Put it last in `Annotated`."""

    def validate(value: object, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError as error:
            raise fix_error(_quotes(value, handler) or _own_fix(error) or fix) from None

    return WrapValidator(validate)


def check(function: Callable[[str], str]) -> WrapValidator:
    """Runs a check that raises ValueError with the fix as its text. Put it last in `Annotated`."""

    def validate(value: object, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return function(handler(value))
        except ValidationError as error:
            fix = _quotes(value, handler) or _own_fix(error)
        except ValueError as error:
            fix = str(error)
        raise fix_error(fix or "use a text")

    return WrapValidator(validate)


def switch() -> WrapValidator:
    """Accepts true and false, which are `Unquoted` values of the settings file. Put it last in `Annotated`."""
    values = {"true": True, "false": False}

    def validate(value: object, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(values.get(str(value), value) if isinstance(value, Unquoted) else value)
        except ValidationError:
            raise fix_error("use true or false, without quotes") from None

    return WrapValidator(validate)


def _own_fix(error: ValidationError) -> str | None:
    first = error.errors()[0]
    return first["ctx"]["fix"] if first["type"] == FIX_ERROR else None


def _quotes(value: object, handler: ValidatorFunctionWrapHandler) -> str | None:
    """The fix for a value that would be valid with quotes, or without."""
    if isinstance(value, int | Unquoted):
        text = str(value)
        return f"quote it: {shown_text(text)}" if _accepts(handler, text) else None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:  # noqa: PLR2004 - no setting is longer
        return f"remove the quotes: {int(value)}" if _accepts(handler, int(value)) else None
    return None


def _accepts(handler: ValidatorFunctionWrapHandler, value: object) -> bool:
    try:
        handler(value)
    except ValidationError:
        return False
    return True
