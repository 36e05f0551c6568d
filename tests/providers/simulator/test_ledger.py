import msgspec

from gateway.providers.simulator.ledger import Ledger, Received


def entry(number: int, octets: int) -> Received:
    return Received(
        at=number, platform="fcm", token="t", headers={}, raw_payload=msgspec.Raw(b" " * octets), status=200
    )


def test_the_oldest_pushes_give_way_when_payloads_fill_the_memory() -> None:
    ledger, large = Ledger(), entry(0, 16 * 1024 * 1024)
    for number in range(20):
        ledger.add(msgspec.structs.replace(large, at=float(number)))
    assert [kept.at for kept in ledger.entries()] == list(range(4, 20))
    ledger.clear()
    ledger.add(large)
    assert len(ledger.entries()) == 1
