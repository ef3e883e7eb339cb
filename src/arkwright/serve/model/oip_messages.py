"""The messages of the Open Inference Protocol v2 over REST."""

import msgspec

Parameters = dict[str, bool | int | float | str]
_ABSENT = msgspec.Raw()


class InputTensor(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    name: str
    shape: list[int]
    datatype: str
    parameters: Parameters | None = None
    data: msgspec.Raw = _ABSENT


class OutputWish(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    name: str
    parameters: Parameters | None = None


class InferRequest(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """`model_name` and `model_version` are KServe's client's, which repeats the path in the body.

    An `id`, null too, takes the place of one before it.
    """

    inputs: list[InputTensor]
    id: str | msgspec.UnsetType | None = msgspec.UNSET
    parameters: Parameters | None = None
    outputs: list[OutputWish] | None = None
    model_name: str | None = None
    model_version: str | None = None
