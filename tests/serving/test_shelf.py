"""In whatever order things happen a version is freed once, after its last use, and what answers is not taken away."""

from __future__ import annotations

from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from tfclassify.serving.loaded import Loaded
from tfclassify.serving.served import Served
from tfclassify.serving.shelf import Shelf
from tfclassify.serving.status import Code, Refusal
from tfclassify.serving.version_state import State, Version
from tfclassify.serving.versions import Found, Latest, ModelConfig

CONFIGS = [ModelConfig(name, Path(name), Latest(2), {"stable": 2}) for name in ("a", "b")]
FOLDERS = st.sets(st.integers(1, 4))


class Shelves(RuleBasedStateMachine):
    """Folders come and go, loads succeed and fail, requests take and give back, in any order."""

    uses = Bundle("uses")

    def __init__(self) -> None:
        super().__init__()
        self.freed: list[Version] = []
        self.lent: list[Version] = []
        self.shelf = Shelf(CONFIGS, early_labels=False, free=lambda name, version: self.free(version))
        self.ended = False

    def free(self, version: Version) -> None:
        assert version not in self.freed
        assert version not in self.lent
        assert version.state is State.UNLOADING
        self.freed.append(version)

    @rule(which=st.sampled_from(CONFIGS), numbers=FOLDERS, place=st.sampled_from("xy"))
    def look(self, which: ModelConfig, numbers: set[int], place: str) -> None:
        folders = {number: Path(place, str(number)) for number in numbers}
        answered = self.answers(which.name)
        self.shelf.want(which, Found(folders, (), (0, 0)))
        # To look never takes an answer away; only settling does, and that of what is not wanted.
        assert self.answers(which.name) == answered

    @rule(good=st.booleans(), again=st.booleans())
    def load(self, good: bool, again: bool) -> None:
        due = self.shelf.next_to_load()
        if due is None:
            return
        name, version = due
        self.shelf.loading(version, ())
        if good:
            loaded = Loaded(name, version.number, {}, {}, lambda signature, inputs: {}, lambda: None)
            self.shelf.loaded(name, version, Served(loaded, lambda *asked: None, version.folder))  # type: ignore[arg-type, return-value]
            assert self.answers(name)
        else:
            self.shelf.load_failed(version, Refusal(Code.INTERNAL, "no"), next_attempt=0.0 if again else None)

    @rule()
    def settle(self) -> None:
        before = {name: self.answers(name) for name in ("a", "b")}
        self.shelf.settle()
        for config in self.shelf.configs():
            wanted = any(each.wanted for each in self.shelf._versions.get(config.name, ()))
            if wanted and before[config.name]:
                assert self.answers(config.name)

    @rule(target=uses, name=st.sampled_from("ab"), number=st.sampled_from([None, 1, 2, 3]))
    def take(self, name: str, number: int | None) -> tuple[str, Version] | None:
        try:
            version = self.shelf.take(name, number, None)
        except Refusal as error:
            assert error.code in (Code.NOT_FOUND, Code.UNAVAILABLE)  # noqa: PT017
            return None
        assert version not in self.freed
        assert not self.ended
        self.lent.append(version)
        return name, version

    @rule(use=consumes(uses))
    def give_back(self, use: tuple[str, Version] | None) -> None:
        if use is not None:
            self.lent.remove(use[1])
            self.shelf.give_back(*use)

    @rule(configs=st.sampled_from([CONFIGS, CONFIGS[:1], CONFIGS[1:], []]))
    def reconfigure(self, configs: list[ModelConfig]) -> None:
        self.shelf.reconfigure(configs)

    @precondition(lambda self: self.freed)
    @rule()
    def close(self) -> None:
        for version in self.freed:
            if version.state is State.UNLOADING:
                self.shelf.closed(version)

    @rule()
    def end(self) -> None:
        self.shelf.end()
        self.ended = True

    @invariant()
    def what_is_lent_is_held(self) -> None:
        assert all(version.served is not None for version in self.lent)
        assert all(version.uses == self.lent.count(version) for version in self.lent)

    @invariant()
    def nothing_that_goes_is_forgotten(self) -> None:
        for versions in self.shelf._versions.values():
            for version in versions:
                if version.state is State.UNLOADING and not version.uses:
                    assert version in self.freed

    def teardown(self) -> None:
        self.shelf.end()
        while self.lent:
            # What a version is of does not matter to giving it back.
            self.shelf.give_back("a", self.lent.pop())
        for version in self.freed:
            self.shelf.closed(version)
        assert self.shelf.all_closed()

    def answers(self, name: str) -> bool:
        return any(each.state is State.AVAILABLE for each in self.shelf._versions.get(name, ()))


TestShelves = Shelves.TestCase
TestShelves.settings = settings(deadline=None, max_examples=60, stateful_step_count=40)
