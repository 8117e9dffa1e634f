"""Elements changed at random, over HTTP: after each change the document is what the standard's rules make of it."""

from collections.abc import Callable
from random import Random
from urllib.parse import quote

import httpx
import pytest

from support.asking import Plain, document, pages, path_of, prop, put, refused
from titan.codec.within import CHILDREN
from titan.metamodel.kinds import SUBMODEL

Names = Callable[[], str]

STEPS = 120
Way = tuple[str | int, ...]


class Walk:
    """A submodel on the server, and the same one as plain objects that are changed beside it."""

    def __init__(self, client: httpx.Client, id: str, seed: int, *, branches: int, length: int) -> None:
        self.client = client
        self.random = Random(seed)
        self.length = length
        self.serial = 0
        elements = [self.element(depth=2) for _ in range(branches)]
        self.plain = document(SUBMODEL, id, submodelElements=elements)
        self.base = path_of(SUBMODEL, id)
        put(client, SUBMODEL, self.plain)

    def name(self) -> str:
        self.serial += 1
        # Names that begin alike, and differ in case.
        return self.random.choice(("Name", "name", "Name_")) + str(self.serial)

    def element(self, *, depth: int, name: str | None = None) -> Plain:
        name = name or self.name()
        match self.random.randrange(6) if depth else 0:
            case 1:
                below = [self.element(depth=depth - 1) for _ in range(self.random.randrange(3))]
                return _holding({"modelType": "SubmodelElementCollection", "idShort": name}, below)
            case 2:
                plain = {"modelType": "SubmodelElementList", "idShort": name}
                plain |= {"typeValueListElement": "SubmodelElementCollection"}
                return _holding(plain, [self.item() for _ in range(self.random.randrange(4))])
            case 3:
                below = [self.element(depth=depth - 1)]
                return _holding({"modelType": "Entity", "idShort": name, "entityType": "CoManagedEntity"}, below)
            case 4:
                return _holding({"modelType": "AnnotatedRelationshipElement", "idShort": name}, [self.prop()])
            case _:
                return prop(name, "x" * self.random.randrange(self.length))

    def prop(self) -> Plain:
        return prop(self.name(), str(self.random.random()))

    def item(self) -> Plain:
        return _holding({"modelType": "SubmodelElementCollection"}, [self.prop()])

    def at(self, way: Way) -> str:
        path = "".join([f"[{step}]" if isinstance(step, int) else f".{step}" for step in way]).removeprefix(".")
        return f"{self.base}/submodel-elements" + (f"/{quote(path)}" if path else "")

    def ways(self) -> list[tuple[Way, Plain]]:
        """Every element with its path."""
        found: list[tuple[Way, Plain]] = []
        ahead: list[tuple[Way, Plain]] = [((), self.plain)]
        while ahead:
            way, plain = ahead.pop()
            is_list = plain["modelType"] == "SubmodelElementList"
            for index, child in enumerate(plain.get(CHILDREN.get(plain["modelType"], ""), ())):
                ahead.append(((*way, index if is_list else child["idShort"]), child))
            found.append((way, plain))
        return found

    def step(self) -> Way:
        """Change one thing on both sides; gives where."""
        way, plain = self.random.choice(self.ways())
        match self.random.randrange(4):
            case 0 if plain["modelType"] in CHILDREN:
                return self.create(way, plain)
            case 1 if way:
                return self.replace(way, plain)
            case 2 if way:
                return self.remove(way)
            case 3 if plain["modelType"] == "Property":
                return self.patch(way, plain)
            case _:
                return way

    def create(self, way: Way, holder: Plain) -> Way:
        is_list = holder["modelType"] == "SubmodelElementList"
        is_annotated = holder["modelType"] == "AnnotatedRelationshipElement"
        new = self.item() if is_list else self.prop() if is_annotated else self.element(depth=2)
        below = holder.setdefault(CHILDREN[holder["modelType"]], [])
        last: str | int = len(below) if is_list else new["idShort"]
        if self.random.random() < 0.5:
            answer = self.client.post(self.at(way), json=new)
        else:
            answer = self.client.put(self.at((*way, last)), json=new)
        assert (answer.status_code, answer.json()) == (201, new)
        assert answer.headers["location"] == self.at((*way, last))
        below.append(new)
        return (*way, last)

    def replace(self, way: Way, plain: Plain) -> Way:
        holder = self.holder(way)
        if holder["modelType"] == "SubmodelElementList":
            new = self.item()
        elif holder["modelType"] == "AnnotatedRelationshipElement":
            new = prop(plain["idShort"], "replaced")
        else:
            new = self.element(depth=2, name=plain["idShort"])
        assert self.client.put(self.at(way), json=new).status_code == 204
        plain.clear()
        plain.update(new)
        return way

    def remove(self, way: Way) -> Way:
        assert self.client.delete(self.at(way)).status_code == 204
        holder = self.holder(way)
        field = CHILDREN[holder["modelType"]]
        holder[field].remove(dict(self.ways_by()[way]))
        if not holder[field]:
            del holder[field]
        refused(self.client.delete(f"{self.at(way[:1])}.Missing"), 404)
        return way[:-1]

    def patch(self, way: Way, plain: Plain) -> Way:
        value = f"patched {self.random.random()}"
        if self.random.random() < 0.5:
            answer = self.client.patch(f"{self.at(way)}/$value", json=value)
        else:
            answer = self.client.patch(self.at(way), json={"modelType": "Property", "value": value})
        assert answer.status_code == 204
        plain["value"] = value
        return way

    def ways_by(self) -> dict[Way, Plain]:
        return dict(self.ways())

    def holder(self, way: Way) -> Plain:
        return self.ways_by()[way[:-1]]

    def holds(self, way: Way) -> None:
        """The whole, what was changed and another element are what they should be."""
        assert self.client.get(self.base).json() == self.plain
        ways = self.ways_by()
        for other in (way, self.random.choice(list(ways))):
            if other and other in ways:
                assert self.client.get(self.at(other)).json() == ways[other]

    def ends(self) -> None:
        """Paths and pages tell the same."""
        paths = self.client.get(f"{self.base}/$path").json()
        expected = [self.at(way).rpartition("/")[2] for way in self.ways_by() if way]
        assert sorted(map(quote, paths)) == sorted(expected)
        paged = [one for page in pages(self.client, self.at(()), limit=7) for one in page]
        assert paged == self.plain.get("submodelElements", [])


def _holding(plain: Plain, below: list[Plain]) -> Plain:
    return plain | ({CHILDREN[plain["modelType"]]: below} if below else {})


@pytest.mark.parametrize(
    ("branches", "length"), [(4, 60), (90, 2000), (6, 40_000)], ids=["small", "many branches", "huge branches"]
)
@pytest.mark.parametrize("seed", range(2))
def test_elements_changed_at_random_are_what_the_rules_make_of_them(
    client: httpx.Client, names: Names, seed: int, branches: int, length: int
) -> None:
    walk = Walk(client, names(), seed, branches=branches, length=length)
    for _ in range(STEPS):
        walk.holds(walk.step())
    walk.ends()
