"""Values as JSON between the judge and its sandbox: exact, and nothing that could be run. Used on both sides.

Numbers, text, arrays of numbers, lists, tuples and dicts pass whole. Anything else arrives as the name of its type.
"""

import base64
import json
import math
from typing import Any

import numpy as np

MOST_BYTES = 64_000_000
_DEPTH = 12


class TooLarge(Exception):
    """More came than any task gives back."""


class Foreign:
    """Stands for a value of a type that does not travel."""


def pack(value: Any, functions: list | None = None, depth: int = 0) -> Any:
    """Something that `json.dumps` takes. Callables are put into `functions` and travel as their place there."""
    if depth > _DEPTH:
        return {"other": "a value nested too deep"}
    if value is None or value is True or value is False:
        return value
    kind = type(value)
    if kind is int:
        return (
            value if abs(value) < 2**53 else {"int": hex(value)} if value.bit_length() < 100_000 else {"other": "int"}
        )
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if kind is str:
        return value[:1_000_000]
    if isinstance(value, bytes | bytearray):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, np.random.Generator):
        return {"rng": _plain(value.bit_generator.state)}
    if isinstance(value, np.ndarray | np.generic):
        return _array(value)
    if isinstance(value, list | tuple):
        return {"list" if isinstance(value, list) else "tuple": [pack(part, functions, depth + 1) for part in value]}
    if isinstance(value, dict):
        return {"dict": [[pack(k, None, depth + 1), pack(v, functions, depth + 1)] for k, v in value.items()]}
    if functions is not None and callable(value):
        functions.append(value)
        return {"function": len(functions) - 1}
    if hasattr(value, "__array__") and not isinstance(value, type):
        return _array(np.asarray(value))
    return {"other": kind.__name__[:80]}


def _array(value: Any) -> Any:
    array = np.asarray(value)
    if array.dtype.kind not in "biufU" or type(array) is not np.ndarray:
        return {"other": f"array of {array.dtype}"[:80]}
    if array.nbytes > MOST_BYTES:
        return {"other": f"an array of {array.nbytes / 1e6:,.0f} MB"}
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    kind = "scalar" if isinstance(value, np.generic) else "array"
    return {kind: data, "dtype": array.dtype.str, "shape": list(array.shape)}


def _plain(state: dict) -> dict:
    """The state of a bit generator with its large integers as text."""
    return {k: _plain(v) if isinstance(v, dict) else hex(v) if isinstance(v, int) else v for k, v in state.items()}


def _back(state: dict) -> dict:
    return {k: _back(v) if isinstance(v, dict) else int(v, 16) if k not in ("bit_generator",) else v
            for k, v in state.items()}  # fmt: skip


def unpack(data: Any, function: Any = None, depth: int = 0) -> Any:
    """The value again; `function(k)` makes what stands for callable k.

    Raises
    ------
    ValueError : this is nothing that `pack` made
    """
    if depth > _DEPTH + 2:
        raise ValueError("nested too deep")
    if data is None or isinstance(data, bool | int | float | str):
        return data
    if not isinstance(data, dict) or not data:
        raise ValueError("not a packed value")
    kind = next(iter(data))
    body = data[kind]
    if kind == "int":
        return int(body, 16)
    if kind == "float":
        return float(body)
    if kind == "bytes":
        return base64.b64decode(body)
    if kind in ("array", "scalar"):
        return _array_back(kind, body, data)
    if kind in ("list", "tuple"):
        parts = [unpack(part, function, depth + 1) for part in body]
        return parts if kind == "list" else tuple(parts)
    if kind == "dict":
        return {unpack(k, None, depth + 1): unpack(v, function, depth + 1) for k, v in body}
    if kind == "rng":
        generator = np.random.default_rng(0)
        generator.bit_generator.state = _back(body)
        return generator
    if kind == "function" and function is not None:
        return function(int(body))
    if kind == "other":
        return type(str(body)[:80] or "object", (Foreign,), {})()
    raise ValueError(f"unknown kind {str(kind)[:20]!r}")


def _array_back(kind: str, body: str, data: dict) -> Any:
    dtype, shape = np.dtype(data["dtype"]), tuple(int(n) for n in data["shape"])
    if dtype.kind not in "biufU" or any(n < 0 for n in shape):
        raise ValueError("not an array of numbers")
    array = np.frombuffer(base64.b64decode(body), dtype=dtype)
    array = array.reshape(shape).copy()
    return array[()] if kind == "scalar" else array


def line(message: dict) -> bytes:
    """One message as one line."""
    text = json.dumps(message, allow_nan=False, separators=(",", ":")).encode() + b"\n"
    if len(text) > 2 * MOST_BYTES:
        raise TooLarge(f"{len(text) / 1e6:,.0f} MB in one result")
    return text
