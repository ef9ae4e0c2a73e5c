"""One way to open a model: the same options in every command that asks one, and where they lead."""

import dataclasses

import pytest

from fgit_cli.app import COMMANDS, build
from fgit_cli.commands import eval as evaluation
from fgit_cli.commands import mutate, refine
from fgit_cli.engines.generation import opening
from fgit_cli.engines.generation.opening import ModelOptions, kind_of, open_engine, sampling
from fgit_cli.errors import UsageError
from fgit_cli.options import specs

ASKING = {"mutate": mutate.Options, "refine": refine.Options, "eval": evaluation.Options}


@pytest.mark.parametrize("command", ASKING)
def test_every_command_that_asks_a_model_has_all_its_options(command):
    flags = {flag for parameter in build(command).params for flag in parameter.opts}
    for wanted in ("--serve", "--timeout", "--patience", "--max-new-tokens", "--concurrency", "--base-url"):
        assert wanted in flags
    assert specs(ModelOptions).keys() <= specs(ASKING[command]).keys()


def test_an_option_has_one_name_and_one_unit():
    """What is one thing has one name: nothing is left of the other names, and a name has the same unit everywhere."""
    units = {}
    for command in COMMANDS:
        options = {p.name: p for p in build(command).params}
        assert not {"max_tokens", "test_limit", "threads", "jobs"} & options.keys(), command
        if "workers" in options:
            assert "default: all cores" in options["workers"].help
    for options in ASKING.values():
        for name, (_, spec) in specs(options).items():
            assert units.setdefault(name, spec.unit) == spec.unit, name


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"base_url": ["http://x/v1"]}, "server"),
        ({"serve": True}, "server"),
        ({"engine": "server"}, "server"),
        ({"engine": "vllm"}, "vllm"),
        ({"engine": "transformers"}, "transformers"),
        ({}, "transformers"),
    ],
)
def test_where_a_model_runs(given, kind, monkeypatch):
    monkeypatch.setattr(opening, "_has_gpu", lambda: False)
    assert kind_of(ModelOptions(model="m", **given)) == kind


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"base_url": ["http://x/v1"], "engine": "vllm"}, "--base-url means a server and --engine vllm none"),
        ({"serve": True, "engine": "transformers"}, "--serve means a server and --engine transformers none"),
        ({"serve": True, "base_url": ["http://x/v1"]}, "leave --base-url out"),
    ],
)
@pytest.mark.parametrize("command", ASKING)
def test_what_does_not_fit_together_is_refused(command, given, said, tmp_path):
    options = ASKING[command](model="m", **given)
    with pytest.raises(UsageError, match=said), open_engine(options, tmp_path, print):
        pass


def test_a_server_is_opened_as_the_options_say(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    made = {}

    class Server:
        def __init__(self, model, urls, **how):
            made.update(model=model, urls=urls, **how)

        def close(self):
            made["closed"] = True

    monkeypatch.setattr("fgit_cli.engines.generation.server.ServerEngine", Server)
    options = evaluation.Options(model="m", engine="server", timeout=7, patience=8, concurrency=9)
    with open_engine(options, tmp_path, print, "or so"):
        pass
    assert made["urls"] == [opening.LOCAL_URL]
    assert (made["timeout"], made["patience"], made["concurrency"], made["closed"]) == (7, 8, 9, True)
    assert made["absent"].endswith("start one by --serve (or so)")


@pytest.mark.parametrize("options", ASKING.values())
def test_equal_answers_are_refused(options):
    with pytest.raises(UsageError, match="3 equal answers"):
        sampling(dataclasses.replace(options(model="m"), temperature=0.0), 3, 10)
