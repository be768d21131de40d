"""The phone's lockdownd: values, pairing, TLS sessions, and the doors to the other services."""

from __future__ import annotations

import ssl
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phones.ios.certificates import server_context
from phones.ios.channel import Channel
from phones.ios.condition import Trust
from phones.ios.phone import Handler, Phone
from phones.ios.values import PUBLIC_KEYS, values

#: Makes the handler of one service for one phone.
Services = Mapping[str, Handler]


class Refused(Exception):
    """The error string of a reply."""


@dataclass(frozen=True)
class _Session:
    session_id: str
    context: ssl.SSLContext


#: Stands for the trust that a tunnel brings along.
_TUNNELLED = _Session("tunnel", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))


class Lockdownd:
    """One phone's daemon; ``services`` are those it starts."""

    def __init__(self, phone: Phone, services: Services) -> None:
        self._phone, self._services = phone, services

    async def serve(self, channel: Channel) -> None:
        """Answer one connection through usbmux until it ends."""
        await self._converse(channel, None)

    async def serve_remote(self, channel: Channel) -> None:
        """Answer one connection through a tunnel, which is trusted already."""
        await self._converse(channel, _TUNNELLED)

    async def _converse(self, channel: Channel, session: _Session | None) -> None:
        while True:
            request = await channel.read_plist()
            name = str(request.get("Request", ""))
            detail = request.get("Service") or request.get("Key") or ""
            await self._phone.asked(f"lockdown {name} {detail}".strip())
            reply: dict[str, Any] = {"Request": name}
            started: _Session | None = None
            try:
                if name == "StartSession":
                    started = self._start_session(request)
                    reply |= {"EnableSessionSSL": True, "SessionID": started.session_id}
                else:
                    reply |= self._answer(name, request, session)
            except Refused as error:
                reply["Error"] = str(error)
            await channel.write_plist(reply)
            if started is not None:
                await channel.start_tls(started.context)
                session = started
            elif name == "StopSession" and session not in {None, _TUNNELLED}:
                await channel.stop_tls()
                session = None

    def _answer(
        self, name: str, request: dict[str, Any], session: _Session | None
    ) -> dict[str, Any]:
        match name:
            case "QueryType":
                return {"Type": "com.apple.mobile.lockdown"}
            case "GetValue":
                return self._get_value(request, trusted=session is not None)
            case "Pair" | "ValidatePair" | "Unpair":
                return self._pair(name, request)
            case "StopSession":
                return {}
            case _ if session is None:
                raise Refused("SessionInactive")
            case "StartService":
                return self._start_service(request, session)
            case "SetValue":
                return self._set_value(request)
            case _:
                raise Refused("InvalidRequest" if name else "MissingRequest")

    def _get_value(self, request: dict[str, Any], *, trusted: bool) -> dict[str, Any]:
        domain, key = request.get("Domain"), request.get("Key")
        found = values(self._phone, str(domain or ""))
        if not trusted:
            if domain:
                raise Refused("InvalidHostID" if key else "MissingValue")
            found = {name: value for name, value in found.items() if name in PUBLIC_KEYS}
        if key is None:
            return _echo(request) | {"Value": found}
        if key not in found:
            raise Refused("MissingValue")
        return _echo(request) | {"Value": found[key]}

    def _set_value(self, request: dict[str, Any]) -> dict[str, Any]:
        if (request.get("Domain"), request.get("Key")) != (None, "DeviceName"):
            raise Refused("SetProhibited")
        self._phone.name = str(request.get("Value"))
        return _echo(request) | {"Value": self._phone.name}

    def _pair(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        record = request.get("PairRecord")
        if not isinstance(record, dict) or "HostID" not in record:
            raise Refused("InvalidPairRecord")
        host_id = str(record["HostID"])
        if name == "Unpair":
            if self._phone.hosts.pop(host_id, None) is None:
                raise Refused("InvalidHostID")
            return {}
        if name == "ValidatePair":
            if host_id not in self._phone.hosts:
                raise Refused("InvalidHostID")
            return {}
        if self._phone.condition.passcode_locked:
            raise Refused("PasswordProtected")
        match self._phone.condition.trust:
            case Trust.ASKS:
                raise Refused("PairingDialogResponsePending")
            case Trust.DENIES:
                raise Refused("UserDeniedPairing")
        self._phone.hosts[host_id] = record
        return {"EscrowBag": bytes(32)}

    def _start_session(self, request: dict[str, Any]) -> _Session:
        record = self._phone.hosts.get(str(request.get("HostID")))
        if record is None:
            raise Refused("InvalidHostID")
        return _Session(str(uuid.uuid4()).upper(), server_context(record))

    def _start_service(self, request: dict[str, Any], session: _Session) -> dict[str, Any]:
        name = str(request.get("Service", ""))
        service = self._services.get(name)
        if service is None:
            if name not in DEVELOPER_SERVICES | {TUNNEL_SERVICE}:  # asked for to find out
                self._phone.unexpected.append(f"lockdown StartService {name}")
            raise Refused("InvalidService")
        if reason := closed_because(self._phone, name):
            raise Refused(reason)

        async def over_tls(channel: Channel) -> None:
            await channel.start_tls(session.context)
            await service(channel)

        return {"EnableServiceSSL": True, "Port": self._phone.offer(over_tls), "Service": name}


#: Services of the developer image.
DEVELOPER_SERVICES = frozenset(
    {
        "com.apple.instruments.remoteserver",  # until iOS 13; some clients ask for it first
        "com.apple.instruments.remoteserver.DVTSecureSocketProxy",
    }
)
TUNNEL_SERVICE = "com.apple.internal.devicecompute.CoreDeviceProxy"
#: Services that a locked phone does not start: they read files the passcode protects.
PROTECTED_SERVICES = frozenset({"com.apple.afc", "com.apple.mobile.house_arrest"})


def closed_because(phone: Phone, service: str) -> str:
    """Why a service that the phone knows does not start now; empty when it does."""
    condition = phone.condition
    if service in DEVELOPER_SERVICES and not (condition.developer_mode and condition.image_mounted):
        return "InvalidService"
    if service in PROTECTED_SERVICES and condition.passcode_locked:
        return "PasswordProtected"
    if service == TUNNEL_SERVICE and not condition.tunnel_up:
        return "InvalidService"
    return ""


def _echo(request: dict[str, Any]) -> dict[str, Any]:
    return {name: request[name] for name in ("Domain", "Key") if request.get(name) is not None}
