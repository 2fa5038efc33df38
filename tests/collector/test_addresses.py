"""Addresses as text."""

from logpost.addresses import host_and_port, local_url


def test_an_address_of_ipv6_stands_in_brackets() -> None:
    assert (host_and_port("::1", 80), host_and_port("localhost", 80)) == ("[::1]:80", "localhost:80")


def test_programs_of_this_machine_find_what_listens() -> None:
    listens = ("localhost", "0.0.0.0", "::", "127.0.0.2", "::1")
    found = ["localhost:8", "localhost:8", "localhost:8", "127.0.0.2:8", "[::1]:8"]
    assert [local_url(listen, 8) for listen in listens] == [f"http://{one}" for one in found]
