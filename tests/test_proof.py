from cnnviz.proof import Proof, agree


def test_agreement_needs_a_second_voice() -> None:
    assert not Proof("n", "1+1", 2).holds
    assert Proof("n", "1+1", 2, measured=2).holds
    assert not Proof("n", "1+1", 2, measured=3).holds
    assert not Proof("n", "1+1", 2, measured=2, published=3).holds


def test_tolerance_is_relative() -> None:
    assert agree(1000.0, 1001.0, 1e-2)
    assert not agree(1000.0, 1001.0)
    assert not agree((2, 3), (2, 4), 0.5)
