// Lists in header fields: values with commas between (RFC 9110, section 5.6.1).

/// The values of a list, without the white space around them. Empty ones do not count.
///
/// **Promise.** A comma separates two values, but for one inside of quotes: there it is part of the value. Inside of
/// quotes, a backslash takes the meaning from the character behind it (section 5.6.4).
pub fn split_list(field: &str) -> Vec<&str> {
    let mut values = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, character) in field.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' if !quoted => {
                values.push(&field[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    values.push(&field[start..]);
    values.into_iter().map(str::trim).filter(|value| !value.is_empty()).collect()
}
