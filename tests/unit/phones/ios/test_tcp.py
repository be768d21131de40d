"""The small TCP of a simulated iPhone's tunnel, against a client made of single packets."""

from __future__ import annotations

import asyncio
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phones.ios.segments import (
    ACK,
    FIN,
    IPV6_HEADER,
    MODULUS,
    RST,
    SYN,
    TCP_HEADER,
    Segment,
    checksum,
)
from phones.ios.tcp import Stack

PHONE, HOST = b"p" * 16, b"h" * 16
PORT = 50001


class Client:
    """Speaks to a stack; loses every packet of the phone that ``loses`` names, counted from 0."""

    def __init__(self, handler, loses=()):
        self.stack = Stack(
            PHONE, 1280, self.receive, lambda port: handler if port == PORT else None
        )
        self.loses, self.count = set(loses), 0
        self.got, self.first, self.ended, self.reset = bytearray(), None, False, False
        self.heard = asyncio.Event()
        self.seq = MODULUS - 2  # wraps around at once

    async def receive(self, packet):
        number, self.count = self.count, self.count + 1
        assert checksum_holds(packet)
        self.heard.set()
        if number in self.loses:
            return
        flags, seq, data = take_apart(packet)
        if flags & RST:
            self.reset = True
        elif flags & SYN:
            self.first = seq + 1
        elif (seq - self.first - len(self.got)) % MODULUS == 0:
            self.got += data
            self.ended = self.ended or bool(flags & FIN)

    @property
    def ack(self):
        return (self.first + len(self.got) + self.ended) % MODULUS if self.first else 0

    async def send(self, flags, data=b"", *, seq=None, options=b"", window=65535, port=PORT):
        seq = self.seq if seq is None else seq
        offset = (20 + len(options)) // 4 << 4
        head = TCP_HEADER.pack(4000, port, seq, self.ack, offset, flags, window, 0, 0)
        body = head + options + data
        packet = IPV6_HEADER.pack(6 << 28, len(body), 6, 64, HOST, PHONE) + body
        await self.stack.receive(packet)

    async def open(self, **options):
        await self.send(SYN, **options)
        self.seq = (self.seq + 1) % MODULUS
        await self.send(ACK)

    async def say(self, data):
        await self.send(ACK, data)
        self.seq = (self.seq + len(data)) % MODULUS

    async def hear(self, count):
        async with asyncio.timeout(10):
            while len(self.got) < count or (count == 0 and not self.ended):
                self.heard.clear()
                await self.send(ACK)
                await asyncio.wait_for(self.heard.wait(), 2)
        return bytes(self.got)


def take_apart(packet):
    fields = TCP_HEADER.unpack_from(packet, IPV6_HEADER.size)
    return fields[5], fields[2], packet[IPV6_HEADER.size + (fields[4] >> 4) * 4 :]


def checksum_holds(packet):
    body = packet[IPV6_HEADER.size :]
    return checksum(packet[8:40] + struct.pack(">II", len(body), 6) + body) == 0


async def echo(channel):
    while True:
        await channel.write(await channel.read())


def run(work):
    async def bounded():
        async with asyncio.timeout(20):
            return await work()

    return asyncio.run(bounded())


@given(st.binary(max_size=65).filter(any))
def test_the_checksum_is_that_of_rfc_1071(data):
    words = struct.unpack(f">{(len(data) + 1) // 2}H", data + bytes(len(data) % 2))
    total = sum(words)
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    assert checksum(data) == total ^ 0xFFFF


def test_bytes_come_back_in_order_though_numbers_wrap():
    async def work():
        client = Client(echo)
        await client.open()
        for piece in (b"one ", b"two ", b"three"):
            await client.say(piece)
        heard = await client.hear(13)
        await client.stack.close()
        return heard

    assert run(work) == b"one two three"


def test_a_repeated_segment_counts_once_and_a_gap_is_asked_for():
    async def work():
        client = Client(echo)
        await client.open()
        start = client.seq
        await client.say(b"abc")
        await client.send(ACK, b"abcd", seq=start)  # one byte is new
        client.seq = (client.seq + 1) % MODULUS
        await client.send(ACK, b"later", seq=(client.seq + 100) % MODULUS)
        await client.say(b"!")
        heard = await client.hear(5)
        await client.stack.close()
        return heard

    assert run(work) == b"abcd!"


def test_long_answers_fit_the_segments_and_the_window():
    data = bytes(range(256)) * 400

    async def answer(channel):
        await channel.read()
        await channel.write(data)
        await channel.read()

    async def work():
        client = Client(answer)
        options = struct.pack(">BBHBBBB", 2, 4, 500, 3, 3, 0, 1)
        await client.open(options=options)
        await client.say(b"x")
        heard = await client.hear(len(data))
        await client.stack.close()
        return heard

    assert run(work) == data


@pytest.mark.parametrize("lost", [{1, 2}, {3}, {2, 4, 5, 6}])
def test_what_is_lost_is_sent_again(lost):
    async def answer(channel):
        await channel.read()
        await channel.write(b"0123456789" * 300)
        await channel.read()

    async def work():
        client = Client(answer, loses=lost)
        await client.open()
        await client.say(b"x")
        heard = await client.hear(3000)
        await client.stack.close()
        return heard

    assert run(work) == b"0123456789" * 300


def test_both_sides_end():
    async def goodbye(channel):
        await channel.write(b"bye")

    async def work():
        client = Client(goodbye)
        await client.open()
        await client.hear(0)
        await client.send(ACK | FIN)
        await client.stack.close()
        return bytes(client.got), client.ended

    assert run(work) == (b"bye", True)


def test_a_port_nobody_listens_on_is_refused():
    async def work():
        client = Client(echo)
        await client.send(SYN, port=1)
        await client.send(ACK, b"to nobody")
        return client.reset

    assert run(work)


@given(st.binary(max_size=120))
def test_packets_of_any_bytes_are_ignored_or_read(data):
    Segment.parse(data)
    Segment.parse(IPV6_HEADER.pack(6 << 28, len(data), 6, 64, HOST, PHONE) + data)
