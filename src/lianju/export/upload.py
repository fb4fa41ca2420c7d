"""An export on its way to the hub."""

from dataclasses import dataclass
from pathlib import Path

from lianju.errors import UserError


@dataclass(frozen=True)
class Upload:
    """What goes to which repository: files with their sizes in bytes."""

    repository: str
    folder: Path
    files: tuple[tuple[str, int], ...]


def plan_upload(folder: Path, repository: str) -> Upload:
    """What `push` would send. Touches no network."""
    check_name(repository)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return Upload(
        repository,
        folder,
        tuple((str(path.relative_to(folder)), path.stat().st_size) for path in files),
    )


def check_name(repository: str) -> None:
    """Refuse what cannot be the name of a repository."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repository)
        if repository.count("/") == 1:
            return
    except HFValidationError:
        pass
    raise UserError(f"--push takes ORG/NAME, not {repository!r}")


def check_login() -> None:
    """Refuse to begin what could only fail at its end, for want of a login."""
    from huggingface_hub import get_token

    if get_token() is None:
        raise UserError("not logged in to the hub: do `hf auth login` first, or leave out --push")


def push(upload: Upload) -> str:
    """Create the repository if it is not there, for its owner's eyes, and send the files; returns
    its address.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi()
    try:
        url = api.create_repo(upload.repository, private=True, exist_ok=True)
        api.upload_folder(
            repo_id=upload.repository,
            folder_path=upload.folder,
            commit_message="Exported by Lianju",
        )
    except (HfHubHTTPError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"the hub did not take {upload.repository}: {reason}. The export stays in "
            f"{upload.folder}; check that your login may write there, then push it again with "
            f"`hf upload {upload.repository} {upload.folder}`"
        ) from error
    return str(url)
