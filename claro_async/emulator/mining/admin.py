"""What a test does to the Communications Mining part from outside: ``Emulator.mining``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from claro_async.emulator.mining.comments import given, read_lines, synthetic
from claro_async.emulator.mining.permissions import Grant, grant
from claro_async.emulator.mining.store import MiningStore, NewMiningDataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from claro_async.emulator.calls import World
    from claro_async.emulator.mining.comments import StoredComment
    from claro_async.emulator.mining.store import MiningDataset


class MiningAdmin:
    """Projects, datasets, comments and tokens; all methods may be called from any thread.

    Args:
        token: The token that may do everything.
        on_loop: Runs a function in the server's event loop.
    """

    def __init__(self, token: str, on_loop: Callable[[Callable[[World], Any]], Any]) -> None:
        self.grants: dict[str, Grant] = {token: grant(None, None)}
        self._on_loop = on_loop

    def add_token(
        self,
        token: str,
        permissions: Iterable[str] | None = None,
        *,
        projects: Iterable[str] | None = None,
    ) -> None:
        """Let a token in.

        Args:
            token: The bearer.
            permissions: Names of permissions as the document writes them, such as "View labels";
                None for all.
            projects: The projects that it is good for; None for all.

        Raises:
            ValueError: For a permission that the document does not name.
        """
        self.grants[token] = grant(permissions, projects)

    def add_project(self, name: str) -> None:
        """Make a project, unless it is there."""
        self._on_loop(lambda world: world.mining.add_project(name))

    def add_dataset(  # noqa: PLR0913 - what a dataset is made of
        self,
        project: str,
        name: str,
        comments: int | str | Path | Iterable[Mapping[str, Any]] = 0,
        *,
        title: str | None = None,
        description: str | None = None,
        source_ids: Sequence[str] = ("18ba5ce699f8da1f",),
        model_family: str = "english",
        has_sentiment: bool = True,
        model_tags: Sequence[dict[str, Any]] = (),
        random_seed: int = 0,
    ) -> str:
        """Make a dataset, and its project unless it is there.

        Args:
            project: Name of the project.
            name: Name of the dataset.
            comments: How many to make up, or a file of JSON lines, or the comments themselves, as
                an export gives them.
            title: One line.
            description: A longer text.
            source_ids: Ids of the sources, from which comments that are made up come in turn.
            model_family: ``english`` or ``multilingual``.
            has_sentiment: Whether labels have sentiment.
            model_tags: As the API gives them.
            random_seed: Another number makes other comments.

        Returns:
            The dataset's id.

        Raises:
            ValueError: For a comment that is none, or is there already.
        """
        new = NewMiningDataset(title, description, source_ids, model_family, has_sentiment)
        stored = _comments(comments, source_ids, random_seed)

        def act(world: World) -> str:
            store: MiningStore = world.mining
            store.add_project(project)
            dataset = store.add(project, name, new)
            store.set_model_tags(dataset, model_tags)
            store.add_comments(dataset, stored)
            return dataset.id

        made: str = self._on_loop(act)
        return made

    def add_comments(self, project: str, name: str, comments: Iterable[Mapping[str, Any]]) -> None:
        """Put comments into a dataset, as they would come in while it is in use.

        Raises:
            KeyError: When there is no such dataset.
            ValueError: For a comment that is none, or is there already.
        """
        stored = list(given(comments))
        self._with(project, name, lambda store, dataset: store.add_comments(dataset, stored))

    def dataset_names(self) -> list[str]:
        """List the datasets as ``project/name``."""
        names: list[str] = self._on_loop(
            lambda world: [f"{each.project}/{each.name}" for each in world.mining.datasets()]
        )
        return names

    def uids(self, project: str, name: str, order_by: str = "timestamp") -> list[str]:
        """List the uids of a dataset's comments in order.

        Raises:
            KeyError: When there is no such dataset.
        """
        found: list[str] = self._with(
            project, name, lambda store, dataset: store.uids(dataset, order_by)
        )
        return found

    def _with(
        self, project: str, name: str, act: Callable[[MiningStore, MiningDataset], Any]
    ) -> Any:
        def find(world: World) -> Any:
            dataset = world.mining.look_up(project, name)
            if dataset is None:
                raise KeyError(f"{project}/{name}")
            return act(world.mining, dataset)

        return self._on_loop(find)


def _comments(
    comments: int | str | Path | Iterable[Mapping[str, Any]],
    source_ids: Sequence[str],
    random_seed: int,
) -> Iterator[StoredComment]:
    if isinstance(comments, int):
        return synthetic(comments, source_ids, random_seed=random_seed)
    if isinstance(comments, str | Path):
        return read_lines(Path(comments))
    return given(comments)
