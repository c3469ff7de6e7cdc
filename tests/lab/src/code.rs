//! The part of a file that the compiler uses: the text without comments and layout.

/// The code of a file. Two files with the same code are the same program.
pub fn code(text: &str) -> String {
    laid_out(text, |token| token)
}

/// The same, without what stands in literals.
pub(crate) fn code_without_literals(text: &str) -> String {
    let is_literal =
        |token: &str| token.len() > 1 && token.starts_with(['"', '\'']) || raw_string(token).is_some();
    laid_out(text, |token| if is_literal(token) { "\"\"" } else { token })
}

/// The tokens of a text, each as `written` writes it.
fn laid_out(text: &str, written: impl Fn(&str) -> &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = token(rest);
        let token = &rest[..length];
        rest = &rest[length..];
        if token.starts_with("//") || token.starts_with("/*") || first.is_whitespace() {
            if !code.ends_with(' ') {
                code.push(' ');
            }
        } else {
            code.push_str(written(token));
        }
    }
    code.trim().to_owned()
}

/// The words of a file's code: names, keywords and numbers, but no lifetimes, and nothing in comments and literals.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    let tokens = std::iter::from_fn(move || {
        let mut length = token(rest);
        if &rest[..length] == "'" {
            length += token(&rest[length..]);
        }
        let (token, after) = rest.split_at(length);
        rest = after;
        Some(token).filter(|token| !token.is_empty())
    });
    tokens.filter(|token| token.chars().all(|letter| letter.is_alphanumeric() || letter == '_'))
}

/// How long a comment, a literal, white space or any other character at the beginning of a text is, in bytes.
fn token(text: &str) -> usize {
    let first = text.chars().next().map_or(0, char::len_utf8);
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    if text.starts_with('"') {
        return quoted(text, '"');
    }
    if let Some(hashes) = raw_string(text) {
        let end = format!("\"{}", "#".repeat(hashes));
        let begin = hashes + 2;
        return text[begin..].find(&end).map_or(text.len(), |at| begin + at + end.len());
    }
    // A character, and not a lifetime.
    if text.starts_with("'\\") || text.starts_with('\'') && text.chars().nth(2) == Some('\'') {
        return quoted(text, '\'');
    }
    // A word is one token, so that the `r` of `for"` begins no raw string.
    let word = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
    word.max(first)
}

/// The length of a block comment. They nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                break;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

/// A literal in these quotes, from the first to the last.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// How many hash signs a raw string has; `None` if it is not one.
fn raw_string(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('r')?;
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    rest[hashes..].starts_with('"').then_some(hashes)
}

#[cfg(test)]
mod tests {
    use super::{code, words};

    #[test]
    fn comments_and_lines_do_not_change_the_code() {
        let plain = "fn f<'a>(c: char) { g(\"//\", r#\"/* \" */\"#, '\"', '\\'', 'a'); h(); }";
        let written = "// first\nfn f<'a>(c: char) { /* a /* b */ c */\n    g(\"//\", r#\"/* \" */\"#, '\"', '\\'', \
                       'a'); // last \"\n    h();\n}\n// end";
        assert_eq!(code(written), plain);
    }

    #[test]
    fn words_are_neither_in_comments_nor_in_literals() {
        let text = "r#use /* a */ b::c!(\"d\", r\"e\", 'f', &'static h); // g";
        assert_eq!(words(text).collect::<Vec<_>>(), ["r", "use", "b", "c", "h"]);
    }

    #[test]
    fn what_stands_in_literals_is_code() {
        assert_ne!(code("\"a // b\""), code("\"a // c\""));
        assert_ne!(code("r\"/* a */\""), code("r\"/* b */\""));
        assert_ne!(code("for x in y { '/'; }"), code("for x in y { '*'; }"));
        assert_ne!(code("a b"), code("ab"));
    }
}
