from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from history.domain.merkle import (
    EMPTY_ROOT,
    Frontier,
    MissingNodesError,
    consistency_path,
    inclusion_path,
    leaf_hash,
    span_root,
    tree_root,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [leaf_hash(str(number).encode()) for number in range(1200)]

# The trees over these eight inputs stand in the tests of many Certificate Transparency implementations.
KNOWN_INPUTS = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]


def naive_root(leaves):
    """RFC 6962 §2.1, word by word."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else sha256(b"").digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + naive_root(leaves[:split]) + naive_root(leaves[split:])).digest()


def stored(leaves):
    """The hashes that a growing tree leaves behind, as a source of them."""
    frontier, nodes = Frontier(), {}
    for number, leaf in enumerate(leaves):
        nodes[0, number] = leaf
        nodes.update({(level, index): value for level, index, value in frontier.append(leaf)})
    return lambda level, first, count: [
        nodes[level, number] for number in range(first, first + count) if (level, number) in nodes
    ]


SOURCE = stored(LEAVES)
sizes = st.integers(1, len(LEAVES))


def inclusion(index, size):
    return [span_root(span, SOURCE) for span in inclusion_path(index, size)]


def consistency(size1, size2):
    return [span_root(span, SOURCE) for span in consistency_path(size1, size2)]


def test_the_empty_tree_has_the_hash_of_nothing():
    """RFC 6962 §2.1."""
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert Frontier().root() == EMPTY_ROOT


def test_the_root_over_eight_known_leaves_is_the_known_one():
    leaves = [leaf_hash(bytes.fromhex(text)) for text in KNOWN_INPUTS]
    assert leaves[0].hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    root = tree_root(8, stored(leaves))
    assert root.hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 1000])
def test_growing_and_stored_tree_have_the_root_of_the_definition(size):
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        frontier.append(leaf)
    assert frontier.root() == tree_root(size, SOURCE) == naive_root(LEAVES[:size])


def test_a_tree_taken_up_again_grows_on_to_the_same_root():
    first = Frontier()
    for leaf in LEAVES[:300]:
        first.append(leaf)
    second = Frontier(first.size, first.subtrees)
    second.append(LEAVES[300])
    assert second.root() == naive_root(LEAVES[:301])


@pytest.mark.parametrize(("size", "subtrees"), [(1, []), (3, [b"x" * 32]), (1, [b"short"]), (-1, [])])
def test_a_frontier_that_does_not_fit_its_size_is_refused(size, subtrees):
    with pytest.raises(ValueError, match="another frontier"):
        Frontier(size, subtrees)


@given(sizes, st.data())
def test_every_inclusion_proof_verifies(size, data):
    index = data.draw(st.integers(0, size - 1))
    assert verify_inclusion(
        index=index, size=size, leaf=LEAVES[index], proof=inclusion(index, size), root=tree_root(size, SOURCE)
    )


@given(sizes, st.data())
def test_every_consistency_proof_verifies(size2, data):
    size1 = data.draw(st.integers(1, size2))
    assert verify_consistency(
        size1=size1,
        size2=size2,
        root1=tree_root(size1, SOURCE),
        root2=tree_root(size2, SOURCE),
        proof=consistency(size1, size2),
    )


def test_proofs_are_those_of_rfc_6962():
    """RFC 6962 §2.1.3: the seven-leaf tree and its named nodes."""
    a, b, c, d, e, f, j = LEAVES[:7]
    g, h, i = naive_root([a, b]), naive_root([c, d]), naive_root([e, f])
    k, el = naive_root([a, b, c, d]), naive_root([e, f, j])
    assert inclusion(0, 7) == [b, h, el]
    assert inclusion(3, 7) == [c, g, el]
    assert inclusion(4, 7) == [f, j, k]
    assert inclusion(6, 7) == [i, k]
    assert consistency(3, 7) == [c, d, g, el]
    assert consistency(4, 7) == [el]
    assert consistency(6, 7) == [i, j, k]


def spoiled(proof):
    """Ways to break a proof."""
    yield [*proof, LEAVES[0]]
    yield [LEAVES[0], *proof]
    yield [b"", *proof]
    yield [*proof, b""]
    if proof:
        yield proof[:-1]
        yield proof[1:]
        yield [proof[0][:-1] + bytes([proof[0][-1] ^ 1]), *proof[1:]]
        yield [proof[0] + b"\0", *proof[1:]]


@given(sizes, st.data())
def test_a_spoiled_inclusion_proof_does_not_verify(size, data):
    index = data.draw(st.integers(0, size - 1))
    facts = {"index": index, "size": size, "leaf": LEAVES[index], "root": tree_root(size, SOURCE)}
    proof = inclusion(index, size)
    for bad in spoiled(proof):
        assert not verify_inclusion(**facts, proof=bad)
    for name, value in [
        ("index", index + size),
        ("index", -1),
        ("leaf", b""),
        ("root", EMPTY_ROOT),
        ("size", 0),
    ]:
        assert not verify_inclusion(**(facts | {name: value}), proof=proof)


@given(st.integers(1, 600), st.integers(1, 600))
def test_a_spoiled_consistency_proof_does_not_verify(size1, more):
    size2 = size1 + more
    facts = {
        "size1": size1,
        "size2": size2,
        "root1": tree_root(size1, SOURCE),
        "root2": tree_root(size2, SOURCE),
    }
    proof = consistency(size1, size2)
    for bad in spoiled(proof):
        assert not verify_consistency(**facts, proof=bad)
    swapped = {"root1": facts["root2"], "root2": facts["root1"]}
    for change in [swapped, {"root1": EMPTY_ROOT}, {"root2": EMPTY_ROOT}, {"size1": 0}, {"size1": size2 + 1}]:
        assert not verify_consistency(**(facts | change), proof=proof)


def test_equal_trees_need_no_proof_and_take_none():
    root = tree_root(5, SOURCE)
    assert verify_consistency(size1=5, size2=5, root1=root, root2=root, proof=[])
    assert not verify_consistency(size1=5, size2=5, root1=root, root2=root, proof=[root])
    assert not verify_consistency(size1=5, size2=5, root1=root, root2=EMPTY_ROOT, proof=[])


def test_the_empty_tree_proves_nothing():
    for size2 in (0, 1):
        assert not verify_consistency(size1=0, size2=size2, root1=EMPTY_ROOT, root2=EMPTY_ROOT, proof=[])


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_there_is_no_path_to_a_leaf_that_is_not_there(index, size):
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_path(index, size)


@pytest.mark.parametrize(("size1", "size2"), [(0, 3), (4, 3), (-1, 3)])
def test_there_is_no_path_between_sizes_that_do_not_grow(size1, size2):
    with pytest.raises(ValueError, match="no consistency proof"):
        consistency_path(size1, size2)


def test_a_store_with_missing_hashes_is_noticed():
    with pytest.raises(MissingNodesError):
        tree_root(5, stored(LEAVES[:3]))
