"""The documents' samples, and what hypothesis makes of the models, through the converter."""

import contextlib
import datetime as dt
import json
import pickle
import types
import typing
from enum import StrEnum
from typing import Any

import attrs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claro_async.wire.converter import ModelConverter, StructureError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=3)
MOMENTS = st.datetimes(
    timezones=st.integers(-23 * 60, 23 * 60).map(
        lambda minutes: dt.timezone(dt.timedelta(minutes=minutes))
    )
)
PLAIN = {
    Any: JSON,
    dict[str, Any]: OBJECTS,
    str: st.text(),
    int: st.integers(),
    float: st.floats(allow_nan=False),
    bool: st.booleans(),
    dt.datetime: MOMENTS,
    types.NoneType: st.none(),
}


def values(form: Any) -> st.SearchStrategy[Any]:
    """Any value of a field's type."""
    if form in PLAIN:
        return PLAIN[form]
    if typing.get_origin(form) is list:
        return st.lists(values(typing.get_args(form)[0]), max_size=2)
    if isinstance(form, types.UnionType):
        return st.one_of([values(item) for item in form.__args__])
    if issubclass(form, StrEnum):
        return st.sampled_from(list(form)) | st.text().map(form)
    return instances(form)


def instances(model: Any) -> st.SearchStrategy[Any]:
    """Any instance of a model, with names that the model does not know."""
    names = set(model.__wire_names__.values())
    unknown = st.dictionaries(st.text().filter(lambda name: name not in names), JSON, max_size=2)
    fields = {
        field.name: values(field.type)
        for field in attrs.fields(model)
        if field.name != "additional_properties"
    }
    return st.builds(model, **fields, additional_properties=unknown)


def is_model(form: Any) -> bool:
    """Whether a public name of a models module is a model."""
    return isinstance(form, type) and hasattr(form, "__wire_names__")


def moments_as_values(value: Any) -> Any:
    """JSON with its dates and times parsed, since one moment can be written in several ways."""
    if isinstance(value, dict):
        return {name: moments_as_values(item) for name, item in value.items()}
    if isinstance(value, list):
        return [moments_as_values(item) for item in value]
    if isinstance(value, str) and value[:2] == "20" and value[10:11] == "T":
        try:
            return dt.datetime.fromisoformat(value)
        except ValueError:
            return value
    return value


def test_sample_survives_the_converter(sample: Any, converter: ModelConverter) -> None:
    """Each sample becomes a model of its operation and comes back with nothing lost or added."""
    model = getattr(sample.specification.module("models"), sample.schema)
    made = converter.structure(sample.body, model)
    assert isinstance(made, model)
    assert moments_as_values(converter.unstructure(made)) == moments_as_values(sample.body)


def test_sample_has_no_unknown_names(sample: Any, converter: ModelConverter) -> None:
    """Each sample is modelled completely: nothing of it lands among the unknown names."""
    model = getattr(sample.specification.module("models"), sample.schema)

    def unknown(made: Any) -> list[str]:
        if isinstance(made, list):
            return [name for item in made for name in unknown(item)]
        if not is_model(type(made)):
            return []
        below = [getattr(made, field.name) for field in attrs.fields(type(made))]
        return [*made.additional_properties, *unknown(below)]

    assert unknown(converter.structure(sample.body, model)) == []


def test_error_samples_have_known_codes(sample: Any, converter: ModelConverter) -> None:
    """Each sample of an error has a code of the documents' tables."""
    if sample.kind == "error":
        body = converter.structure(sample.body, sample.specification.module("models").ErrorBody)
        assert body.code.is_known


# Models within models are slow to make, which is no fault of theirs.
examples = settings(suppress_health_check=[HealthCheck.too_slow], max_examples=50)


@examples
@given(data=st.data())
def test_every_model_survives_the_round_trip(
    specification: Any, converter: ModelConverter, data: st.DataObject
) -> None:
    """Any instance of any model is the same after it went to JSON and back."""
    public = vars(specification.module("models")).values()
    model = data.draw(st.sampled_from([item for item in public if is_model(item)]))
    instance = data.draw(instances(model))
    assert converter.structure(converter.unstructure(instance), model) == instance


@examples
@given(data=st.data())
def test_what_is_sent_fits_the_specification(
    specification: Any, converter: ModelConverter, data: st.DataObject
) -> None:
    """Any instance of a model without limits of its own is written as its schema says."""
    limited = {"TaskTypeUpdate", "ExportRequest", "DownloadRequest"}
    public = vars(specification.module("models"))
    names = sorted({name for name in public if is_model(public[name])} - limited)
    name = data.draw(st.sampled_from(names))
    wire = converter.unstructure(data.draw(instances(public[name])))
    specification.validator(name).validate(wire)


@examples
@given(data=st.data())
def test_anything_else_is_a_structure_error(
    sample: Any, converter: ModelConverter, data: st.DataObject
) -> None:
    """A sample with any part replaced by any JSON is a model or a StructureError, nothing else."""
    model = getattr(sample.specification.module("models"), sample.schema)

    def spoilt(value: Any) -> Any:
        if isinstance(value, dict) and value and data.draw(st.booleans()):
            name = data.draw(st.sampled_from(sorted(value)))
            return {**value, name: spoilt(value[name])}
        if isinstance(value, list) and value and data.draw(st.booleans()):
            return [spoilt(value[0]), *value[1:]]
        return data.draw(JSON)

    with contextlib.suppress(StructureError):
        assert isinstance(converter.structure(spoilt(sample.body), model), model)


def test_sample_becomes_plain_json(sample: Any, converter: ModelConverter) -> None:
    """`to_dict` of each sample has all that the sample has, and its model pickles."""
    model = getattr(sample.specification.module("models"), sample.schema)
    made = converter.structure(sample.body, model)
    assert pickle.loads(pickle.dumps(made)) == made  # noqa: S301
    plain = made.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert contains(moments_as_values(plain), moments_as_values(sample.body))


def contains(whole: Any, part: Any) -> bool:
    """Whether JSON has all that other JSON has."""
    if isinstance(part, dict):
        return all(name in whole and contains(whole[name], item) for name, item in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(contains, whole, part))
    return bool(whole == part)
