"""SM2 in batches, beside one item at a time."""

import pytest

KEYS = ("unknown", "known", "hinted")


@pytest.mark.operation("sm2.verify", keys=KEYS)
def test_verify(contender, measure):
    measure(contender)


@pytest.mark.operation("sm2.verify_message", lengths=(256,), keys=KEYS)
def test_verify_message(contender, measure):
    measure(contender)


@pytest.mark.operation("sm2.sign")
def test_sign(contender, measure):
    measure(contender)


@pytest.mark.operation("sm2.sign_message", lengths=(256,))
def test_sign_message(contender, measure):
    measure(contender)


@pytest.mark.operation("sm2.generate")
def test_generate(contender, measure):
    measure(contender)
