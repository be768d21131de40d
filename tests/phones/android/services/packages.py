"""``pm``, ``cmd package`` and ``dumpsys package``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phones.android.answers import Answer, refused, said
from phones.android.apk import BadApk, read_manifest
from phones.android.state import Package

if TYPE_CHECKING:
    from phones.android.framework import Framework


async def command(phone: Framework, words: list[str]) -> Answer:
    """``pm ...`` or ``cmd package ...``."""
    match words:
        case ["path", name]:
            package = phone.state.packages.get(name)
            return said(f"package:{package.path}") if package else Answer(code=1)
        case ["list", "packages", *options]:
            return _list(phone, options)
        case ["install", *options]:
            return await _install(phone, options)
        case ["uninstall", *options] if options:
            return await _uninstall(phone, options[-1])
        case ["clear", name]:
            if name not in phone.state.packages:
                return said("Failed")
            await phone.stop_package(name, "clear data")
            return said("Success")
        case ["compile", *options] if options:
            return _compile(phone, options)
        case ["grant" | "revoke" as wish, name, permission]:
            return _grant(phone, wish, name, permission)
        case ["list", "users"]:
            return said("Users:\n\tUserInfo{0:Owner:c13} running")
        case _:
            phone.unexpected("pm " + " ".join(words))
            return refused("Unknown command: " + " ".join(words))


def _list(phone: Framework, options: list[str]) -> Answer:
    filters = [word for word in options if not word.startswith("-")]
    lines = []
    for package in sorted(phone.state.packages.values(), key=lambda package: package.name):
        if ("-3" in options and package.system) or ("-s" in options and not package.system):
            continue
        if filters and filters[0] not in package.name:
            continue
        shown = f"{package.path}={package.name}" if "-f" in options else package.name
        version = f" versionCode:{package.version_code}" if "--show-versioncode" in options else ""
        uid = f" uid:{package.uid}" if "-U" in options else ""
        lines.append(f"package:{shown}{version}{uid}\n")
    return said("".join(lines))


async def _install(phone: Framework, options: list[str]) -> Answer:
    path = options[-1]
    try:
        return await _install_file(phone, path, options)
    finally:
        if "/.streamed-" in path:
            phone.userland.stored(path).unlink(missing_ok=True)


async def _install_file(phone: Framework, path: str, options: list[str]) -> Answer:
    await phone.await_install_prompt()
    if phone.state.storage_full:
        return _failure("INSTALL_FAILED_INSUFFICIENT_STORAGE", "not enough space")
    try:
        manifest = read_manifest(phone.userland.stored(path))
    except BadApk:
        return _failure("INSTALL_PARSE_FAILED_NOT_APK", "Failed to parse the APK")
    old = phone.state.packages.get(manifest.package)
    if old is not None and manifest.version_code < old.version_code and "-d" not in options:
        return _failure("INSTALL_FAILED_VERSION_DOWNGRADE", "Downgrade detected")
    if old is not None:
        await phone.stop_package(manifest.package, "installPackageLI")
    package = phone.state.install(manifest.package, manifest.version_code, manifest.version_name)
    phone.log("I", "PackageManager", f"installed {package.name} at {package.path}")
    return said("Success")


def _failure(code: str, why: str) -> Answer:
    return Answer(out=f"Failure [{code}: {why}]\n", code=1)


async def _uninstall(phone: Framework, name: str) -> Answer:
    package = phone.state.packages.get(name)
    if package is None or package.system:
        return Answer(out="Failure [DELETE_FAILED_INTERNAL_ERROR]\n", code=1)
    await phone.stop_package(name, "deletePackageX")
    del phone.state.packages[name]
    return said("Success")


def _compile(phone: Framework, options: list[str]) -> Answer:
    package = phone.state.packages.get(options[-1])
    if package is None:
        return Answer(out=f"Failure: package {options[-1]} could not be compiled\n", code=1)
    if "--reset" in options:
        package.compiled = "verify"
    elif "-m" in options:
        package.compiled = options[options.index("-m") + 1]
    return said("Success")


def _grant(phone: Framework, wish: str, name: str, permission: str) -> Answer:
    package = phone.state.packages.get(name)
    if "pm-grant" in phone.profile.denied:
        return refused(
            f"java.lang.SecurityException: {wish}RuntimePermission: Neither user 2000 nor current "
            "process has android.permission.GRANT_RUNTIME_PERMISSIONS."
        )
    if package is None:
        return refused(f"java.lang.IllegalArgumentException: Unknown package: {name}")
    (package.granted.add if wish == "grant" else package.granted.discard)(permission)
    return Answer()


def dump(phone: Framework, words: list[str]) -> Answer:
    """``dumpsys package NAME``."""
    if not words:
        return said("".join(_described(package) for package in phone.state.packages.values()))
    package = phone.state.packages.get(words[-1])
    if package is None:
        return said(f"Unable to find package: {words[-1]}")
    return said(_described(package))


def _described(package: Package) -> str:
    return (
        "Packages:\n"
        f"  Package [{package.name}] (3c0ffee):\n"
        f"    userId={package.uid}\n"
        f"    codePath={package.path.removesuffix('/base.apk')}\n"
        f"    versionCode={package.version_code} minSdk=26 targetSdk=30\n"
        f"    versionName={package.version_name}\n"
        "Dexopt state:\n"
        f"  [{package.name}]\n"
        f"    path: {package.path}\n"
        f"      arm64: [status={package.compiled}] [reason=cmdline]\n"
    )
