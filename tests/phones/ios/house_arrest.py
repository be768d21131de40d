"""house_arrest: the files of one app, by AFC on the same connection."""

from __future__ import annotations

from phones.ios.afc import Afc
from phones.ios.channel import Channel
from phones.ios.phone import Handler, Phone


def house_arrest(phone: Phone) -> Handler:
    """VendDocuments shows only Documents, and only of apps that share files."""

    async def serve(channel: Channel) -> None:
        request = await channel.read_plist()
        command, bundle_id = str(request.get("Command")), str(request.get("Identifier"))
        await phone.asked(f"house_arrest {command} {bundle_id}")
        app = phone.apps.get(bundle_id)
        if app is None:
            await channel.write_plist({"Error": "ApplicationLookupFailed"})
            return
        if command == "VendDocuments" and app.file_sharing:
            shown = "Documents"
        elif command == "VendContainer" and app.kind == "User":
            shown = ""
        else:
            await channel.write_plist({"Error": "InstallationLookupFailed"})
            return
        await channel.write_plist({"Status": "Complete"})
        await Afc(phone, app.container, shown).serve(channel)

    return serve
