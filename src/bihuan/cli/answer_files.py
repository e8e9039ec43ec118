"""Reads the answers and variables given on the command line: YAML or JSON, bounded, without YAML's aliases."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from bihuan.engine.rehearsal import AnswerError, Answers, read_answers
from bihuan.engine.rehearsal.answers import check_variables

MAX_BYTES = 5_000_000


class _Loader(yaml.SafeLoader):
    """Plain YAML. Aliases are refused: a few lines of them unfold to more than any memory holds."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("不支持 YAML 的引用（*名称）")
        return super().compose_node(parent, index)


def _construct_number(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    # 0.10 stays 0.10: numbers are decimal in processes.
    value = loader.construct_yaml_float(node)
    text = str(node.value).replace("_", "")
    try:
        return Decimal(text)
    except ArithmeticError:
        return value


_Loader.add_constructor("tag:yaml.org,2002:float", _construct_number)


def load_answers(name: str | None) -> Answers:
    """The answers in a file; none without a file. Raises AnswerError."""
    if name is None:
        return Answers()
    try:
        with Path(name).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise AnswerError(f"答案文件 {name} 打不开：{reason}") from None
    if len(data) > MAX_BYTES:
        raise AnswerError(f"答案文件 {name} 太大")
    return read_answers(_parsed(data, name))


def _parsed(data: bytes, name: str) -> Any:
    try:
        if name.lower().endswith(".json"):
            return json.loads(data.decode("utf-8-sig"), parse_float=Decimal)
        return yaml.load(data, _Loader)
    except UnicodeDecodeError:
        raise AnswerError(f"答案文件 {name} 不是 UTF-8 文字") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise AnswerError(f"答案文件 {name} 第 {line} 行看不懂：{error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise AnswerError(f"答案文件 {name} 看不懂：{error}") from None
    except RecursionError:
        raise AnswerError(f"答案文件 {name} 嵌套太深") from None


def load_variables(text: str | None) -> dict[str, Any]:
    """Variables from a JSON object. Raises AnswerError."""
    if text is None:
        return {}
    try:
        values = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise AnswerError(f"--variables 不是 JSON：{error}") from None
    if not isinstance(values, dict):
        raise AnswerError('--variables 应是一个 JSON 对象，如 {"金额": 1200}')
    check_variables(values, "--variables")
    return values
