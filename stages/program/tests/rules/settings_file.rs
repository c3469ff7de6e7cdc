//! `config`: the file of `KEY=VALUE` lines.

use super::settings::{complaint, settings};
use tempfile::NamedTempFile;

/// A configuration file with this content.
fn file(content: impl AsRef<[u8]>) -> NamedTempFile {
    let file = NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), content).expect("the test owns the file");
    file
}

fn name(file: &NamedTempFile) -> &str {
    file.path().to_str().expect("a temporary file has a plain name")
}

#[test]
fn comments_empty_lines_and_white_space_are_passed_over() {
    let file = file("# a comment\n\n  PORT = 1 \r\n\t# another\nQUEUE_SIZE=2\nDOCUMENT_ROOT=/a=b c#d");
    let settings = settings(&["--config", name(&file)], &[]);
    assert_eq!((settings.port, settings.queue_size), (1, 2));
    assert_eq!(settings.document_root.to_str(), Some("/a=b c#d"), "only the first equals sign separates");
}

#[test]
fn a_byte_order_mark_and_line_ends_of_windows_are_passed_over() {
    let file = file("\u{feff}PORT=1\r\nQUEUE_SIZE\t=\t2\t\r\n\r\nDOCUMENT_ROOT=\"/a\"\r\n");
    let settings = settings(&["--config", name(&file)], &[]);
    assert_eq!((settings.port, settings.queue_size), (1, 2));
    assert_eq!(settings.document_root.to_str(), Some("/a"));
}

#[test]
fn what_stands_between_quotes_is_the_value_as_it_is() {
    let cases = [
        ("\"/srv/www\"", "/srv/www"),
        ("'/srv/www'", "/srv/www"),
        ("\" /a b \" ", " /a b "),
        ("'a\"b'", "a\"b"),
        ("\"it's\"", "it's"),
        ("\"a\\n$HOME#\"", "a\\n$HOME#"),
        ("a\"b\"", "a\"b\""),
    ];
    for (written, meant) in cases {
        let file = file(format!("DOCUMENT_ROOT={written}\nQUEUE_SIZE='7'\n"));
        let settings = settings(&["--config", name(&file)], &[]);
        assert_eq!(settings.document_root.to_str(), Some(meant), "{written}");
        assert_eq!(settings.queue_size, 7);
    }
    let empty = file("DOCUMENT_ROOT=\"\"\n");
    let sentence = complaint(&["--config", name(&empty)], &[]);
    assert!(sentence.ends_with("line 1: DOCUMENT_ROOT: \"\" is not a path"), "{sentence}");
}

#[test]
fn quotes_that_are_no_pair_are_refused_with_the_line() {
    for value in ["\"/a", "'/a", "\"", "\"/a'", "\"/a\" # why", "\"a\"b\"", "''a''"] {
        let file = file(format!("# one\nDOCUMENT_ROOT={value}\n"));
        let sentence = format!("DOCUMENT_ROOT: {value} is not a value between one pair of quotes");
        assert_eq!(complaint(&["--config", name(&file)], &[]), format!("{} line 2: {sentence}", name(&file)));
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_with_the_line() {
    let cases: [(&[u8], &str); 4] = [
        (b"# one\r\nDOCUMENT_ROOT=/caf\xe9\nPORT=1\n", "line 2 is not UTF-8: it holds the byte 0xe9"),
        (b"\xff\xfeP\0O\0", "line 1 is not UTF-8: it holds the byte 0xff"),
        (b"PORT=1\nDOCUMENT_ROOT=/a\xc3", "line 2 is not UTF-8: it holds the byte 0xc3"),
        (b"# caf\xe9\n", "line 1 is not UTF-8: it holds the byte 0xe9"),
    ];
    for (content, why) in cases {
        let file = file(content);
        let sentence = format!("--config: cannot read {}: {why}", name(&file));
        assert_eq!(complaint(&["--config", name(&file)], &[]), sentence);
    }
}

#[test]
fn what_cannot_be_seen_is_refused_with_the_line_and_said_in_visible_characters() {
    let cases = [
        ("PORT=1\nDOCUMENT_ROOT=/a\0b\n", "line 2: it holds the control character U+0000"),
        // What a file may hold after the machine has lost its power.
        ("PORT=1\n\0\0\0\0", "line 2: it holds the control character U+0000"),
        ("PORT=1\rQUEUE_SIZE=2\r", "line 1: it holds the control character U+000D"),
        ("DOCUMENT_ROOT=/\u{1b}[2J\n", "line 1: it holds the control character U+001B"),
        ("PORT=1\n\u{feff}QUEUE_SIZE=2\n", "line 2: \\u{feff}QUEUE_SIZE is not a setting; they are "),
        ("PORT=\u{200b}80\n", "line 1: PORT: \"\\u{200b}80\" is not a whole number"),
    ];
    for (content, why) in cases {
        let file = file(content);
        let sentence = complaint(&["--config", name(&file)], &[]);
        assert!(sentence.starts_with(&format!("{} {why}", name(&file))), "{sentence}");
    }
}

#[test]
fn the_environment_can_name_the_file_and_the_flag_wins() {
    let (from_environment, from_flag) = (file("PORT=1\n"), file("PORT=2\n"));
    let environment = [("HERD_CONFIG", name(&from_environment))];
    assert_eq!(settings(&[], &environment).port, 1);
    assert_eq!(settings(&["--config", name(&from_flag)], &environment).port, 2);
}

#[test]
fn a_line_that_cannot_be_used_is_refused_with_its_number() {
    let cases = [
        ("# one\nPORT 80\n", "line 2: \"PORT 80\" is not KEY=VALUE"),
        ("PORT=x\n", "line 1: PORT: \"x\" is not a whole number from 0 to 65535"),
        ("\n\nPORT=1\nPORT=2\n", "line 4: PORT is set twice"),
        ("HAND_OFF=\n", "line 1: HAND_OFF: \"\" is not \"always\" or \"when-needed\""),
    ];
    for (content, sentence) in cases {
        let file = file(content);
        assert_eq!(complaint(&["--config", name(&file)], &[]), format!("{} {sentence}", name(&file)));
    }
}

#[test]
fn a_key_that_is_no_setting_is_refused_and_the_settings_are_named() {
    for key in ["PROT", "port", "HERD_PORT", "CONFIG", ""] {
        let file = file(format!("{key}=1\n"));
        let sentence = complaint(&["--config", name(&file)], &[]);
        let begins = format!("{} line 1: {key} is not a setting; they are ADDRESS, PORT, ", name(&file));
        assert!(sentence.starts_with(&begins), "{sentence}");
    }
}

#[test]
fn a_value_of_the_file_that_is_overridden_may_be_anything() {
    let file = file("PORT=eighty\n");
    assert_eq!(settings(&["--config", name(&file), "--port", "80"], &[]).port, 80);
    assert_eq!(settings(&["--config", name(&file)], &[("HERD_PORT", "81")]).port, 81);
    let sentence = complaint(&["--config", name(&file), "--address", "::1"], &[("HERD_QUEUE_SIZE", "7")]);
    assert!(sentence.contains("line 1: PORT: \"eighty\" is not a whole number"), "{sentence}");
}

#[test]
fn a_key_that_is_no_setting_is_refused_whatever_the_environment_has() {
    let file = file("SERVICE_HOST=10.0.0.1\n");
    let sentence = complaint(&["--config", name(&file)], &[("HERD_SERVICE_HOST", "10.0.0.1")]);
    assert!(sentence.contains("line 1: SERVICE_HOST is not a setting"), "{sentence}");
}

#[test]
fn a_file_that_cannot_be_read_is_refused_by_the_name_of_who_asked_for_it() {
    let missing = "/nonexistent/server.conf";
    let because = format!("cannot read {missing}: No such file or directory");
    assert_eq!(complaint(&["--config", missing], &[]), format!("--config: {because}"));
    assert_eq!(complaint(&[], &[("HERD_CONFIG", missing)]), format!("HERD_CONFIG: {because}"));
}
