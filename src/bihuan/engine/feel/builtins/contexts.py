"""Built-ins on contexts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bihuan.engine.feel.builtins.registry import builtin
from bihuan.engine.feel.errors import UnfitError
from bihuan.engine.feel.scope import Run, member
from bihuan.engine.feel.values import MISSING, Value


@builtin("get value(context: context, key: string)")
def _get_value(run: Run, context: Mapping[str, Any], key: str) -> Value:
    value = member(run, context, key)
    if value is MISSING:
        raise UnfitError(f"对象里没有“{key[:40]}”")
    return value


@builtin("get value(context: context, keys: list)")
def _get_nested_value(run: Run, context: Mapping[str, Any], keys: list[Value]) -> Value:
    value: Value = context
    for key in keys:
        if not isinstance(value, Mapping) or type(key) is not str:
            raise UnfitError("对象里没有这个位置")
        value = _get_value(run, value, key)
    return value if keys else None


@builtin("get entries(context: context)")
def _get_entries(run: Run, context: Mapping[str, Any]) -> Value:
    run.spend(len(context))
    return [{"key": str(key), "value": member(run, context, key)} for key in context]


@builtin("context put(context: context, key: string, value: any)")
def _context_put(run: Run, context: Mapping[str, Any], key: str, value: Value) -> Value:
    return {**_copy(run, context), key: value}


@builtin("context put(context: context, keys: list, value: any)")
def _context_put_nested(run: Run, context: Mapping[str, Any], keys: list[Value], value: Value) -> Value:
    if not keys or any(type(key) is not str for key in keys):
        raise UnfitError("键的列表应是一个或多个文字")
    result = _copy(run, context)
    inner = result
    for key in keys[:-1]:
        child = inner.get(key)
        if child is not None and not isinstance(child, Mapping):
            raise UnfitError(f"“{key[:40]}”不是对象")
        run.spend(1)
        inner[key] = _copy(run, child or {})
        inner = inner[key]
    inner[keys[-1]] = value
    return result


@builtin("context merge(contexts: list)")
def _context_merge(run: Run, contexts: list[Value]) -> Value:
    result: dict[str, Value] = {}
    for context in contexts:
        if not isinstance(context, Mapping):
            raise UnfitError("列表里有不是对象的项")
        result.update(_copy(run, context))
    return result


@builtin("context(entries: list)")
def _context(_run: Run, entries: list[Value]) -> Value:
    result: dict[str, Value] = {}
    for entry in entries:
        if not isinstance(entry, Mapping) or type(entry.get("key")) is not str or "value" not in entry:
            raise UnfitError("每一项都要有 key 和 value")
        if entry["key"] in result:
            raise UnfitError(f"键“{entry['key'][:40]}”重复")
        result[entry["key"]] = entry["value"]
    return result


def _copy(run: Run, context: Mapping[str, Any]) -> dict[str, Value]:
    run.spend(len(context))
    return {str(key): member(run, context, key) for key in context}
