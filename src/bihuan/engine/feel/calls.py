"""Invocations: of built-ins, resolved while compiling, and of function values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from bihuan.engine.feel.builtins import BUILTINS, Builtin
from bihuan.engine.feel.errors import UnfitError
from bihuan.engine.feel.loops import property_of
from bihuan.engine.feel.nodes import Call, Mistake, Name, Node, Path
from bihuan.engine.feel.scope import Env
from bihuan.engine.feel.values import MISSING, FeelFunction, Value

if TYPE_CHECKING:
    from bihuan.engine.feel.compiler import Code, Compiler


def compile_call(compiler: Compiler, node: Call) -> Code:
    """The closure for `function(arguments)`."""
    function = node.function
    if isinstance(function, Name) and not function.local:
        if function.name == "is defined":
            return _is_defined(compiler, node)
        known = BUILTINS.get(function.name)
        if known is not None:
            return _builtin(compiler, node, known)
    return _function_value(compiler, node)


def _builtin(compiler: Compiler, node: Call, known: Builtin) -> Code:
    if node.names is not None:
        return _builtin_by_name(compiler, node, known)
    if not known.takes(len(node.arguments)):
        message = f"函数 {known.name} 不能用 {len(node.arguments)} 个参数调用，用法：{known.usage()}"
        return compiler.compile(Mistake(message, node.position, node.arguments))
    arguments = tuple(compiler.compile(argument) for argument in node.arguments)
    call = known.call
    if len(arguments) == 1:
        only = arguments[0]
        return lambda env: call(env.run, only(env))
    return lambda env: call(env.run, *[argument(env) for argument in arguments])


def _builtin_by_name(compiler: Compiler, node: Call, known: Builtin) -> Code:
    for overload in known.overloads:
        order = overload.arrange(node.names or ())
        if order is None:
            continue
        arguments = tuple(compiler.compile(argument) for argument in node.arguments)
        chosen = Builtin(known.name, [overload])
        return lambda env: chosen.call(env.run, *[None if at is None else arguments[at](env) for at in order])
    names = "、".join(node.names or ())
    message = f"函数 {known.name} 没有这样的参数：{names}，用法：{known.usage()}"
    return compiler.compile(Mistake(message, node.position, node.arguments))


def _function_value(compiler: Compiler, node: Call) -> Code:
    target = compiler.compile(node.function)
    arguments = tuple(compiler.compile(argument) for argument in node.arguments)
    names = node.names
    label = node.function.name if isinstance(node.function, Name) else "表达式"

    def call(env: Env) -> Value:
        function = target(env)
        if not isinstance(function, FeelFunction):
            env.run.warn(f"“{label}”不是函数")
            return None
        values = [argument(env) for argument in arguments]
        try:
            return function.call(env.run, *(values if names is None else _in_order(function, names, values)))
        except UnfitError as unfit:
            env.run.warn(f"{label}：{unfit.reason}")
            return None

    return call


def _in_order(function: FeelFunction, names: tuple[str, ...], values: list[Value]) -> list[Value]:
    given = dict(zip(names, values, strict=True))
    if set(given) != set(function.parameters):
        raise UnfitError(f"参数应是 {'、'.join(function.parameters)}")
    return [given[name] for name in function.parameters]


def _is_defined(compiler: Compiler, node: Call) -> Code:
    if len(node.arguments) != 1:
        return compiler.compile(Mistake("函数 is defined 只有一个参数", node.position, node.arguments))
    return _existence(compiler, node.arguments[0])


def _existence(compiler: Compiler, node: Node) -> Callable[[Env], bool]:
    if isinstance(node, Name):
        name = node.name
        return lambda env: env.find(name) is not MISSING
    if isinstance(node, Path):
        target = compiler.compile(node.target)
        key = node.name
        return lambda env: _has(target(env), key, env)
    compiler.compile(node)
    return lambda env: True


def _has(value: Value, key: str, env: Env) -> bool:
    if isinstance(value, Mapping):
        return key in value
    return value is not None and property_of(value, key, env.run) is not MISSING
