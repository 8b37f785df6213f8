"""The programs in docs/embedding.md: each runs as it stands, and does what it says."""

import io
import os
import re
import sys
import time
import types
from pathlib import Path

import pytest
from PIL import Image
from webtest import TestApp

from clients import file_form
from uploadsvc.images import Decoders
from uploadsvc.storage.local import LocalStorage

DOCUMENT = Path(__file__).parent.parent / "docs" / "embedding.md"
PROGRAMS = {
    part.partition("\n")[0].strip(): code
    for part in re.split(r"^#{2,3} ", DOCUMENT.read_text(), flags=re.MULTILINE)
    for code in re.findall(r"^```python\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Run in an empty folder, with nothing set; stop the decoders that were started."""
    monkeypatch.chdir(tmp_path)
    # Pyramid looks up the module that it is configured in.
    monkeypatch.setitem(sys.modules, "program", types.ModuleType("program"))
    for variable in [name for name in os.environ if name.startswith("UPLOADSVC_")]:
        monkeypatch.delenv(variable)
    started = []
    begin = Decoders.__init__

    def noted(self, **limits):
        begin(self, **limits)
        started.append(self)

    monkeypatch.setattr(Decoders, "__init__", noted)
    yield tmp_path
    for decoders in started:
        decoders.close()


def run(heading):
    """Run the program below a heading; return the names it defines."""
    names = {"__name__": "program"}
    exec(compile(PROGRAMS[heading], f"{DOCUMENT.name}: {heading}", "exec"), names)
    return names


def client(heading):
    return TestApp(run(heading)["application"])


def upload(client, path, data=b"data", filename="photo.jpg", status=201):
    content_type, body = file_form(data, filename=filename)
    headers = {"Content-Type": content_type, "Accept": "application/json"}
    return client.post(path, body, headers=headers, status=status)


def size(answer):
    return Image.open(io.BytesIO(answer.body)).size


def test_each_program_of_the_document_is_run_here():
    tests = Path(__file__).read_text()

    assert len(PROGRAMS) == DOCUMENT.read_text().count("```python") >= 8
    assert [heading for heading in PROGRAMS if f'"{heading}"' not in tests] == []


def test_the_whole_service_runs_in_any_wsgi_server(picture):
    service = client("In any WSGI server")
    link = upload(service, "/sendfile", picture).json["link"]

    assert service.get(link).body == picture
    assert size(service.get("/getpreview", {"addr": link, "x": "60", "y": "60"})) == (60, 40)
    service.get("/", status=404)
    upload(service, "/sendfile", b"x" * 20_000_001, status=413)


def test_the_service_stands_below_a_prefix_beside_the_rest_of_a_site(picture):
    site = client("Below a prefix")
    link = upload(site, "/files/sendfile", picture).json["link"]

    assert link.startswith("http://localhost/files/uploadfile/wsgi/Storage/")
    assert site.get(link).body == picture
    assert size(site.get("/files/getpreview", {"addr": link})) == (120, 80)
    assert "Share a file" in site.get("/files/").text
    assert site.get("/").text == "the rest of the site\n"


def test_an_upload_resumes_in_another_application():
    site = client("Resumable uploads")
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": "11"}
    begun = site.post("/attachments/", headers=tus, status=201)
    at = f"/attachments/{begun.headers['Location']}"
    for offset, piece in ((0, b"hello "), (6, b"world")):
        place = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        told = site.patch(at, piece, headers=tus | place, status=204)

    assert site.get(told.headers["Content-Location"]).body == b"hello world"
    assert site.get(at).body == b"hello world"
    assert site.get("/").text == "the rest of the site\n"


def test_a_client_deletes_what_it_has_uploaded(here):
    service = client("Links to delete")
    told = upload(service, "/attach", b"x").json

    assert told["delete"].startswith("http://localhost/remove/")
    service.delete(told["delete"], status=204)
    service.delete(told["delete"], status=404)
    service.delete(told["delete"][:-1], status=403)
    assert list((here / "attachments").iterdir()) == []


def test_pictures_are_kept_and_shown_by_a_program(here, capsys, picture):
    (here / "chair.png").write_bytes(picture)
    run("Pictures by ID")
    image, url, scaled, dimensions, tag, known = capsys.readouterr().out.splitlines()
    base = "https://pictures.example.org"

    assert url == f"{base}/o/{image}/A-red-chair.png"
    assert re.fullmatch(rf"{base}/[\w-]{{24}}/200x200!/{image}/A-red-chair", scaled)
    assert dimensions == "(120, 80)"
    assert tag == (
        f'<img src="{base}/vga/{image}/A-red-chair" width="120" height="80" alt="A red chair" '
        'class="wide" loading="lazy">'
    )
    assert known == f"('A red chair',) {len(picture)}"
    assert (here / "data" / "Originals" / image / "original").read_bytes() == picture


def test_one_endpoint_stands_in_a_webob_application():
    site = client("In a WebOb application")
    link = upload(site, "/attach").json["link"]

    assert link.startswith("http://localhost/media/")
    assert site.get(link).body == b"data"
    assert site.get("/").text == "the rest of the site\n"
    upload(site, "/attach", b"x" * 5_000_001, status=413)


def test_one_endpoint_stands_in_a_plain_wsgi_application(here, picture):
    site = client("In a plain WSGI application")
    stored = LocalStorage(here / "data" / "Storage").save("a.png", [picture])
    address = f"http://localhost/uploadfile/wsgi/Storage/{stored.key.folder}/a.png"

    assert size(site.get("/thumbnail", {"addr": address, "x": "30"})) == (30, 20)
    site.get("/thumbnail", {"addr": address, "x": "401"}, status=400)
    site.get("/thumbnail", {"addr": "http://127.0.0.1/a.png"}, status=403)
    site.get("/", status=404)


def watch(site, *, data=b"pixels", identifier="id", status=200):
    content_type, body = file_form(data)
    target = f"/upload?X-Progress-ID={identifier}"
    return site.post(target, body, headers={"Content-Type": content_type}, status=status)


def test_uploads_are_taken_for_a_plain_application(here):
    site = client("Around a plain application")

    assert watch(site).text == "photo.jpg has 6 bytes\n"
    assert site.get("/upload/status?X-Progress-ID=id").json["state"] == "done"
    assert site.get("/").text == site.get("/upload").text == "the rest of the site\n"
    watch(site, data=b"x" * (20 << 20), status=413)


def test_uploads_are_taken_for_a_pyramid_application(here):
    site = client("Around Pyramid")
    identifier = re.search(r'X-Progress-ID=([^"]+)"', site.get("/").text)[1]
    answer = watch(site, identifier=identifier).json
    status = site.get(f"/upload/status?X-Progress-ID={identifier}").json

    assert (answer["name"], answer["bytes"]) == ("photo.jpg", 6)
    assert (here / "kept" / answer["folder"] / "photo.jpg").read_bytes() == b"pixels"
    assert status["state"] == "starting"
    assert list((here / "uploads").iterdir()) == []
    watch(site, identifier="made-up", status=400)


def test_old_uploads_go(here, capsys):
    run("Old uploads")
    site = client("Around a plain application")
    watch(site)
    run("Old uploads")
    quiet = capsys.readouterr().out
    for path in (here / "uploads").iterdir():
        os.utime(path, (time.time() - 2 * 86400,) * 2)
    run("Old uploads")

    assert quiet == ""
    assert "Expired(" in capsys.readouterr().out
    assert list((here / "uploads").iterdir()) == []


def test_uploads_are_taken_and_their_files_are_given_back(here):
    site = client("Uploads and files")
    link = upload(site, "/attach").json["link"]

    assert link.startswith("http://localhost/attachments/")
    assert site.get(link).body == b"data"
    assert "max-age=21" in site.get(link).headers["Cache-Control"]
    assert upload(site, "/attach", b"x" * 5_000_001, status=413).json["code"] == "too-large"
    assert [path.name for path in here.glob("attachments/*/*")] == ["photo.jpg"]


def test_the_storage_saves_opens_and_deletes_a_file(here, capsys):
    run("Storage")
    [first, second, third] = capsys.readouterr().out.splitlines()

    assert " report.txt 7 " in first
    assert second == "b'one two'"
    assert third == "there is no such file"
    assert list((here / "files").iterdir()) == []


def test_previews_are_drawn_of_the_files_of_a_site(here, picture):
    site = client("Previews")
    stored = LocalStorage(here / "attachments").save("a.png", [picture])
    address = f"http://localhost/attachments/{stored.key.folder}/a.png"

    assert size(site.get("/", {"addr": address, "x": "60", "y": "60"})) == (60, 40)
    assert len(list(here.glob("thumbnails/*.jpeg"))) == 1
    site.get("/", {"addr": "http://127.0.0.1/a.png"}, status=403)


@pytest.mark.parametrize("good", [True, False])
def test_decoders_draw_a_picture_or_say_that_it_is_none(here, capsys, picture, good):
    (here / "photo.png").write_bytes(picture if good else b"no picture")
    run("Decoders")
    said = capsys.readouterr().out

    assert said.startswith("image/png 120 80\nimage/webp 120 80" if good else "the file is not a")
    assert (here / "preview.webp").exists() is good


def test_the_cleaner_names_what_it_removes(here, capsys):
    run("The cleaner")
    quiet = capsys.readouterr().out
    stored = LocalStorage(here / "data" / "Storage").save("a.txt", [b"old"])
    folder = here / "data" / "Storage" / stored.key.folder
    for path in (folder / "a.txt", folder):
        os.utime(path, (time.time() - 2 * 86400,) * 2)
    run("The cleaner")

    assert quiet == ""
    assert f"removed Storage/{stored.key.folder}, 3 bytes" in capsys.readouterr().out
    assert not folder.exists()
