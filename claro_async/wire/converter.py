"""Turns decoded JSON into the generated models, and models into what is encoded as JSON.

One pair of hook factories serves every model that carries its wire names, whichever of the
generated packages it comes from. Importing this module imports cattrs, so it is imported only when
a client opens.
"""

from __future__ import annotations

import sys
from datetime import datetime
from enum import StrEnum
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

from attrs import NOTHING, fields, resolve_types
from cattrs import ClassValidationError, Converter, IterableValidationError
from cattrs.cols import list_structure_factory
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from claro_async._times import parse_time

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

_NAMES = "__wire_names__"
_EXTRA = "additional_properties"
_JSON_OBJECT = dict[str, Any]
_KINDS = {
    NoneType: "null",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "an object",
}
_MOMENTS = (str, int, float)
_LARGEST_FLOAT = int(sys.float_info.max)
_EXACT_FLOAT = 2.0**53  # up to here, a double holds every integer


class StructureError(ValueError):
    """Decoded JSON does not have the shape of the model.

    Attributes:
        path: Where, in wire names, such as ``columns[2].taskType``; empty for the whole value.
        reason: Why, in words that never hold the value itself.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


class ModelConverter:
    """Converts between decoded JSON and models.

    Models are structured without a record of where they are, which is a third faster. Only when
    that fails is the value structured once more, with the record, to tell where it fails.
    """

    def __init__(self) -> None:
        self._fast = _make_converter(detailed=False)
        self._detailed: Converter | None = None
        self._tolerant: Converter | None = None

    def structure(self, data: Any, form: type[T]) -> T:
        """Make a value of the form, such as a model or a list of models, from decoded JSON.

        Free-form objects and cell values are taken over uncopied. What an object holds beyond the
        names of its model is kept in ``additional_properties``.

        Raises:
            StructureError: The data does not fit the form.
        """
        try:
            return self._fast.structure(data, form)
        except Exception:  # noqa: BLE001, S110 - the second run tells what it is, and where
            pass
        raise self._failure(data, form)

    def structure_tolerantly(self, data: Any, form: type[T]) -> T:
        """Make a model of which every field that is missing or does not fit is None.

        What does not fit is kept, as it came, in the model's ``additional_properties``. It is for
        what must not fail for one odd field: an entry of a listing, and the reply to a change that
        was applied.

        Raises:
            StructureError: The data is no object.
        """
        try:
            return self.structure(data, form)
        except StructureError:
            pass
        if self._tolerant is None:
            self._tolerant = _make_converter(detailed=False, tolerant=True)
        try:
            return self._tolerant.structure(data, form)
        except Exception:  # noqa: BLE001, S110 - the second run tells what it is, and where
            pass
        raise self._failure(data, form)

    def structure_entries(self, data: Any, form: type[T]) -> T:
        """Make a model of a reply, of which no single entry can make the rest unreadable.

        The entries of its lists, such as the datasets of a listing, are structured one by one as by
        :meth:`structure_tolerantly`; one that is no object is left out. All else has to fit.

        Raises:
            StructureError: The data does not fit the form otherwise.
        """
        if not isinstance(data, dict) or not _is_model(form):
            return self.structure(data, form)
        names: Mapping[str, str] = getattr(form, _NAMES)
        lists = {
            name: entry
            for name, entry in _lists_of_models(form).items()
            if isinstance(data.get(names[name]), list)
        }
        made = self.structure({**data, **{names[name]: [] for name in lists}}, form)
        for name, entry in lists.items():
            found = (each for each in data[names[name]] if isinstance(each, dict))
            setattr(made, name, [self.structure_tolerantly(each, entry) for each in found])
        return made

    def unstructure(self, value: Any) -> Any:
        """Make what is encoded as JSON from a model: no optional field that is None.

        Raises:
            ValueError: A date and time has no offset.
        """
        return self._fast.unstructure(value)

    def _failure(self, data: Any, form: Any) -> StructureError:
        # Made and raised outside any handler: the errors of cattrs hold the data, and data is not
        # for logs.
        if self._detailed is None:
            self._detailed = _make_converter(detailed=True)
        try:
            self._detailed.structure(data, form)
        except Exception as error:  # noqa: BLE001 - cattrs groups errors of any kind
            return _located(error)
        return StructureError("", "changed while it was structured")


def _located(error: Exception) -> StructureError:
    """Follow the notes of cattrs down to the innermost error, and the path to it."""
    path = ""
    while True:
        if isinstance(error, ClassValidationError):
            names: Mapping[str, str] = getattr(error.cl, _NAMES)
            error, attribute = error.group_exceptions()[0][0]
            path += f".{names[attribute.name]}"
        elif isinstance(error, IterableValidationError):
            error, item = error.group_exceptions()[0][0]
            path += f"[{item.index}]"
        else:
            reason = "is missing" if isinstance(error, KeyError) else str(error)
            return StructureError(path.removeprefix("."), reason)


def _make_converter(*, detailed: bool, tolerant: bool = False) -> Converter:
    converter = Converter(detailed_validation=detailed)
    for kind in (str, int, float, bool):
        converter.register_structure_hook(kind, _strict(kind))
    converter.register_structure_hook(StrEnum, _structure_enum)
    converter.register_unstructure_hook(StrEnum, str)
    converter.register_structure_hook(datetime, _structure_datetime)
    converter.register_unstructure_hook(datetime, _unstructure_datetime)
    converter.register_structure_hook_func(_is_json_object, _structure_json_object)
    converter.register_structure_hook_factory(_is_list, _list_structure)
    converter.register_structure_hook_factory(_is_optional, _optional_structure)
    converter.register_unstructure_hook_func(_is_free, _unchanged)
    converter.register_structure_hook_factory(
        _is_model, _tolerant_model_structure if tolerant else _model_structure
    )
    converter.register_unstructure_hook_factory(_is_model, _model_unstructure)
    return converter


def _mismatch(wanted: str, value: Any) -> TypeError:
    return TypeError(f"expected {wanted}, got {_KINDS.get(type(value), type(value).__name__)}")


def _strict(kind: type) -> Callable[[Any, Any], Any]:
    wanted = _KINDS[kind]

    def structure(value: Any, _: Any) -> Any:
        if type(value) is kind:
            return value
        if kind is float and type(value) is int and abs(value) <= _LARGEST_FLOAT:
            return float(value)
        if (
            kind is int
            and type(value) is float
            and value.is_integer()
            and abs(value) <= _EXACT_FLOAT
        ):
            return int(value)  # JSON does not tell 2.0 from 2 (RFC 8259, section 6)
        raise _mismatch(wanted, value)

    return structure


def _structure_enum(value: Any, form: type[StrEnum]) -> StrEnum:
    if isinstance(value, str):
        return form(value)
    raise _mismatch("a string", value)


def _structure_datetime(value: Any, _: Any) -> datetime:
    if isinstance(value, _MOMENTS) and not isinstance(value, bool):
        return parse_time(value)
    raise _mismatch("a date and time", value)


def _unstructure_datetime(value: datetime) -> str:
    if value.utcoffset() is None:
        raise ValueError("a date and time needs an offset, such as datetime.UTC")
    text = value.isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def _is_json_object(form: Any) -> bool:
    return bool(form == _JSON_OBJECT)


def _structure_json_object(value: Any, _: Any) -> Any:
    if isinstance(value, dict):
        return value
    raise _mismatch("an object", value)


def _is_free(form: Any) -> bool:
    """Whether a form is JSON already, whatever is in it."""
    return form in (Any, _JSON_OBJECT) or (_is_list(form) and _is_free(*get_args(form)))


def _is_list(form: Any) -> bool:
    return get_origin(form) is list


def _list_structure(form: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    build = _unchanged if get_args(form) == (Any,) else list_structure_factory(form, converter)

    def structure(value: Any, _: Any) -> Any:
        # cattrs takes any iterable, so a string would become a list of its characters.
        if isinstance(value, list):
            return build(value, form)
        raise _mismatch("an array", value)

    return structure


def _unchanged(value: Any, _: Any = None) -> Any:
    return value


def _is_model(form: Any) -> bool:
    return isinstance(form, type) and hasattr(form, _NAMES)


def _may_be_none(form: Any) -> bool:
    return NoneType in get_args(form)


def _is_optional(form: Any) -> bool:
    return _may_be_none(form) and len(get_args(form)) == 2  # noqa: PLR2004 - a form, or None


def _optional_structure(form: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    """As cattrs does it, but finds the hook once and not for every value."""
    (inner,) = (each for each in get_args(form) if each is not NoneType)
    build = converter.get_structure_hook(inner)

    def structure(value: Any, _: Any) -> Any:
        return None if value is None else build(value, inner)

    return structure


def _lists_of_models(model: type[Any]) -> dict[str, type[Any]]:
    """The model of the entries, for each field that is a list of models."""
    return {
        field.name: get_args(field.type)[0]
        for field in fields(resolve_types(model))
        if field.name != _EXTRA and _is_list(field.type) and _is_model(*get_args(field.type))
    }


def _model_structure(model: type[Any], converter: Converter) -> Callable[[Any, Any], Any]:
    names: Mapping[str, str] = getattr(model, _NAMES)
    known = frozenset(names.values())
    overrides: dict[str, Any] = {name: override(rename=wire) for name, wire in names.items()}
    overrides[_EXTRA] = override(omit=True)
    build = make_dict_structure_fn(model, converter, **overrides)
    # what may be null may be missing as well
    empty = {
        names[field.name]: None
        for field in fields(resolve_types(model))
        if field.default is NOTHING and field.type is not Any and _may_be_none(field.type)
    }

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise _mismatch("an object", value)
        if empty and not empty.keys() <= value.keys():
            value = {**empty, **value}
        made = build(value, model)
        if not value.keys() <= known:
            made.additional_properties = {
                name: item for name, item in value.items() if name not in known
            }
        return made

    return structure


def _tolerant_model_structure(model: type[Any], converter: Converter) -> Callable[[Any, Any], Any]:
    names: Mapping[str, str] = getattr(model, _NAMES)
    known = frozenset(names.values())
    forms = {field.name: field.type for field in fields(resolve_types(model))}

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise _mismatch("an object", value)
        extra = {name: item for name, item in value.items() if name not in known}
        made: dict[str, Any] = {}
        for name, wire in names.items():
            made[name] = None
            if value.get(wire) is not None:
                try:
                    made[name] = converter.structure(value[wire], forms[name])
                except Exception:  # noqa: BLE001 - whatever a hook raises, the value does not fit
                    extra[wire] = value[wire]
        return model(**made, additional_properties=extra)

    return structure


def _model_unstructure(model: type[Any], converter: Converter) -> Callable[[Any], dict[str, Any]]:
    names: Mapping[str, str] = getattr(model, _NAMES)
    overrides: dict[str, Any] = {
        field.name: override(
            rename=names[field.name],
            # A required field is sent even when it is null, such as the value that empties a cell.
            omit_if_default=field.default is not NOTHING,
        )
        for field in fields(model)
        if field.name != _EXTRA
    }
    overrides[_EXTRA] = override(omit=True)
    unbuild = make_dict_unstructure_fn(model, converter, **overrides)

    def unstructure(value: Any) -> dict[str, Any]:
        made: dict[str, Any] = unbuild(value)
        if value.additional_properties:
            return {**value.additional_properties, **made}
        return made

    return unstructure
