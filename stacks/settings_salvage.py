"""What is usable of settings with mistakes, so that the rest can be checked in the same run."""

from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from stacks.settings_model import (
    BaseImage,
    Bitbucket,
    DockerHub,
    Environment,
    ExistingVpc,
    Network,
    Notifications,
    PlatformEnvironment,
    Service,
    ServiceEnvironment,
    Settings,
)

_Model = TypeVar("_Model", bound=BaseModel)


def salvage(data: object) -> Settings:
    """Settings in which each wrong value is replaced by its default or, where there is none, by a stand-in.

    Every entry of a list keeps its index. The result is good for finding further mistakes and for nothing else.
    """
    top = data if isinstance(data, dict) else {}
    base_images = [
        _usable(BaseImage, item, {"name": f"unnamed-image-{index}"})
        for index, item in enumerate(_list(top.get("base_images")))
    ] or [BaseImage(name="pythonbase")]
    services = [_usable_service(index, item) for index, item in enumerate(_list(top.get("services")))]
    first = base_images[0].name
    return Settings.model_construct(
        prefix=_usable(Settings, {"prefix": top["prefix"]} if "prefix" in top else {}, {}).prefix,
        environment=_usable(Environment, top.get("environment"), {}),
        bitbucket=_usable(Bitbucket, top.get("bitbucket"), {}),
        network=_usable_network(top.get("network")),
        environments=[_usable_place(index, item) for index, item in enumerate(_list(top.get("environments")))],
        docker_hub=_usable(DockerHub, top.get("docker_hub"), {}),
        notifications=_usable(Notifications, top.get("notifications"), {}),
        base_images=base_images,
        services=[item if item.base_image else item.model_copy(update={"base_image": first}) for item in services],
    )


def _usable_service(index: int, raw: object) -> Service:
    values = _mapping(raw)
    plain = {key: value for key, value in values.items() if key != "environments"}
    environments = [
        _usable(ServiceEnvironment, item, {"name": f"unnamed-{number}"})
        for number, item in enumerate(_list(values.get("environments")))
    ]
    service = _usable(Service, plain, {"name": f"unnamed-service-{index}", "repository": "none/none"})
    return service.model_copy(update={"environments": environments})


def _usable_place(index: int, raw: object) -> PlatformEnvironment:
    values = _mapping(raw)
    plain = {key: value for key, value in values.items() if key != "network"}
    network = _usable_network(values["network"]) if isinstance(values.get("network"), dict) else None
    return _usable(PlatformEnvironment, plain, {"name": f"unnamed-{index}"}).model_copy(update={"network": network})


def _usable_network(raw: object) -> Network:
    values = _mapping(raw)
    return _usable(Network, {**values, "vpc": None}, {}).model_copy(update={"vpc": _usable_vpc(values.get("vpc"))})


def _usable_vpc(raw: object) -> ExistingVpc | None:
    if not isinstance(raw, dict):
        return None
    stand_in = {
        "id": "vpc-00000000",
        "availability_zones": ["eu-central-1a"],
        "private_subnet_ids": ["subnet-00000000"],
    }
    return _usable(ExistingVpc, raw, stand_in)


def _usable(model: type[_Model], raw: object, stand_in: dict[str, Any]) -> _Model:
    values = _mapping(raw)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        wrong = {problem["loc"] for problem in error.errors()}
    keys = {path[0] for path in wrong}
    usable = model.model_validate(stand_in | {key: value for key, value in values.items() if key not in keys})
    parts = {
        str(key): _usable(part, values[key], {})
        if (part := _nested(model, key))
        else _right_part(values[key], wrong, key)
        for key in keys
        if (key,) not in wrong and key in values
    }
    return usable.model_copy(update=parts)


def _nested(model: type[BaseModel], key: int | str) -> type[BaseModel] | None:
    """The model of a setting that is itself a group of settings with a default."""
    field = model.model_fields.get(str(key))
    annotation = field.annotation if field else None
    choices = [choice for choice in get_args(annotation) or (annotation,) if isinstance(choice, type)]
    return next((choice for choice in choices if issubclass(choice, BaseModel)), None)


def _right_part(value: object, wrong: set[tuple[int | str, ...]], key: int | str) -> object:
    """A dictionary without its wrong entries; a list with all of them, so that indices stay what they are."""
    if isinstance(value, dict):
        wrong_names = {path[1] for path in wrong if path[0] == key}
        return {name: entry for name, entry in value.items() if name not in wrong_names}
    return [entry if isinstance(entry, str) else f"wrong-{index}" for index, entry in enumerate(_list(value))]


def _mapping(raw: object) -> dict[str, Any]:
    return raw if isinstance(raw, dict) else {}


def _list(raw: object) -> list[object]:
    return raw if isinstance(raw, list) else []
