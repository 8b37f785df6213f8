"""Settings: from a file, then the environment; what is wrong is named."""

from datetime import timedelta

import pytest

from uploadsvc.errors import BadSettings
from uploadsvc.settings import Settings


@pytest.fixture
def load(tmp_path):
    def load(text="", **environ):
        path = tmp_path / "uploadsvc.toml"
        path.write_text(text)
        return Settings.load(path, {f"UPLOADSVC_{key}": value for key, value in environ.items()})

    return load


def test_everything_has_a_default(load):
    settings = load()

    assert settings.max_upload == 100_000_000
    assert settings.keep == timedelta(days=1)
    assert settings.storage_path == "/uploadfile/wsgi/Storage"


def test_the_environment_wins_over_the_file(load):
    settings = load('max_upload = "5MB"\nmax_side = 99', MAX_UPLOAD="6MB")

    assert settings.max_upload == 6_000_000
    assert settings.max_side == 99


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("12h", 43_200), ("1d", 86_400)]
)
def test_durations_are_seconds_or_carry_a_unit(load, text, seconds):
    assert load(f'keep = "{text}"').keep == timedelta(seconds=seconds)
    assert load(KEEP=text).keep == timedelta(seconds=seconds)


def test_a_duration_may_be_a_number(load):
    assert load("fetch_timeout = 2.5").fetch_timeout == timedelta(seconds=2.5)


@pytest.mark.parametrize(
    ("text", "size"), [("1000", 1000), ("100MB", 100_000_000), ("100MiB", 104_857_600)]
)
def test_sizes_are_bytes_or_carry_a_unit(load, text, size):
    assert load(f'max_upload = "{text}"').max_upload == size


@pytest.mark.parametrize("text", ["a.example, b.example:8080", '["a.example", "b.example:8080"]'])
def test_lists_in_the_environment_are_separated_by_commas_or_json(load, text):
    assert load(FETCH_ALLOW=text).fetch_allow == ("a.example", "b.example:8080")


def test_lists_in_the_file_are_arrays(load):
    assert load('fetch_allow = ["a.example"]').fetch_allow == ("a.example",)


@pytest.mark.parametrize(
    "text",
    [
        'named_sizes = ["hero=300x50!", "icon=16x16"]',
        'named_sizes = {hero = "300x50!", icon = "16x16"}',
        '[named_sizes]\nhero = "300x50!"\nicon = "16x16"',
    ],
)
def test_named_sizes_are_a_list_or_a_table(load, text):
    wanted = ("hero=300x50!", "icon=16x16")

    assert load(text).named_sizes == wanted
    assert load(NAMED_SIZES="hero=300x50!, icon=16x16").named_sizes == wanted
    assert load(NAMED_SIZES='{"hero": "300x50!", "icon": "16x16"}').named_sizes == wanted


@pytest.mark.parametrize("text", ['open_sizes = "all"', 'open_sizes = ["all"]'])
def test_all_sizes_may_be_opened_by_one_word(load, text):
    assert load(text).open_sizes == ("all",)


def test_secrets_are_read_and_never_shown(load):
    settings = load(SIGNING_KEYS="first-secret-of-many-characters-1, second")

    assert [key.get_secret_value() for key in settings.signing_keys] == [
        "first-secret-of-many-characters-1", "second",
    ]  # fmt: skip
    assert settings.changed(max_side=7).signing_keys == settings.signing_keys
    for shown in (repr(settings), settings.model_dump_json(), str(settings.model_dump())):
        assert "secret" not in shown
    with pytest.raises(BadSettings) as error:
        load("signing_keys = 5", SIGNING_KEYS='[["a-secret"]]')
    assert "a-secret" not in str(error.value)


@pytest.mark.parametrize("text", ["file_mode = 0o640", 'file_mode = "0640"', 'file_mode = "640"'])
def test_modes_are_octal(load, text):
    assert load(text).file_mode == 0o640


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("max_uplaod = 5", "max_uplaod"),
        ('max_upload = "many"', "max_upload"),
        ('keep = "1 week"', "keep"),
        ("max_side = 0", "max_side"),
        ('storage_path = "Storage"', "storage_path"),
        ('storage_path = "/Storage/"', "storage_path"),
        ('storage_path = "//a"', "storage_path"),
        ('storage_path = "/a?"', "storage_path"),
        ('storage_path = "/a/../b"', "storage_path"),
        ('storage_path = "/a\\n"', "storage_path"),
        ('data_dir = ""', "data_dir"),
        ('disk_floor = "5%"', "disk_floor"),
        ('keep = "999999999d"', "keep"),
        ('keep = "99999999999999999d"', "keep"),
        ("keep = 0", "keep"),
        ("decode_memory = 1000", "decode_memory"),
        ('file_mode = "0o9"', "file_mode"),
        ("page = 5", "page"),
        ('log_format = "xml"', "log_format"),
        ("[nested]\na = 1", "nested"),
        ("not toml", "uploadsvc.toml"),
    ],
)
def test_what_is_unknown_or_bad_is_named(load, text, named):
    with pytest.raises(BadSettings, match=named):
        load(text)


def test_an_unknown_variable_is_named(load):
    with pytest.raises(BadSettings, match="UPLOADSVC_MAX_UPLAOD"):
        load(MAX_UPLAOD="5")


def test_a_file_that_is_named_must_be_there(tmp_path):
    with pytest.raises(BadSettings, match=r"none\.toml"):
        Settings.load(tmp_path / "none.toml", {})
    with pytest.raises(BadSettings, match=r"none\.toml"):
        Settings.load(None, {"UPLOADSVC_CONFIG": str(tmp_path / "none.toml")})


def test_the_environment_may_name_the_file(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("max_side = 7")

    assert Settings.load(None, {"UPLOADSVC_CONFIG": str(path)}).max_side == 7


def test_settings_can_be_changed_and_stay_what_they_were():
    settings = Settings(max_side=7, fetch_allow=("a.example",))
    changed = settings.changed(max_upload="5MB", keep="2h")

    assert (changed.max_upload, changed.keep) == (5_000_000, timedelta(hours=2))
    assert (changed.max_side, changed.fetch_allow) == (7, ("a.example",))
    assert settings == Settings(max_side=7, fetch_allow=("a.example",))


@pytest.mark.parametrize(
    ("name", "value"), [("max_side", 0), ("keep", "1 week"), ("port", 70_000), ("max_uplaod", 5)]
)
def test_a_change_to_what_is_unknown_or_bad_is_refused_and_named(name, value):
    with pytest.raises(BadSettings, match=name):
        Settings().changed(**{name: value})


def test_every_setting_has_its_sentence():
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_an_ipv6_address_in_brackets_is_no_json(load):
    assert load(FETCH_ALLOW="[::1]:8099, a.example").fetch_allow == ("[::1]:8099", "a.example")
