// Lists in header fields: values separated by commas (RFC 9110, section 5.6.1).

/// The values of a list, without the white space around them. Empty values are left out.
///
/// **Promise.** A comma separates two values, except inside quotes: there it is part of the value. Inside quotes, a
/// backslash removes the special meaning of the next character (section 5.6.4).
pub fn split_list(field: &str) -> Vec<&str> {
    let mut values = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, character) in field.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' => {
                values.push(&field[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    values.push(&field[start..]);
    values.into_iter().map(str::trim).filter(|value| !value.is_empty()).collect()
}
