//! The attribute behind `use verdict::test;`.
//!
//! ```text
//!   #[test]                      #[::core::prelude::v1::test]
//!   fn a_promise() {     =>      fn a_promise() {
//!       body                         fn body() { body }
//!   }                                ::verdict::run(concat!(module_path!(), "::a_promise"), body)
//!                                }
//! ```
//!
//! A test file needs one line for it, and its tests look as they always do.

use proc_macro::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

/// Marks a test function, as the standard attribute of that name does, and runs its body under
/// `verdict::run`. `#[should_panic]`, with or without `expected`, means what it always means.
#[proc_macro_attribute]
pub fn test(_: TokenStream, item: TokenStream) -> TokenStream {
    let mut tokens: Vec<TokenTree> = item.into_iter().collect();
    let Some(TokenTree::Group(body)) = tokens.pop() else { panic!("#[test] belongs on a function") };
    let name = name_of(&tokens);
    let panics = take_should_panic(&mut tokens);

    let mut function: TokenStream = "fn body()".parse().expect("Rust");
    function.extend([TokenTree::Group(body)]);
    let call = match panics {
        None => format!("::verdict::run(concat!(module_path!(), \"::{name}\"), body)"),
        Some(expected) => {
            format!(
                "fn panics() {{ ::verdict::panics({expected}, body) }}
                 ::verdict::run(concat!(module_path!(), \"::{name}\"), panics)"
            )
        }
    };
    function.extend(call.parse::<TokenStream>().expect("Rust"));

    let mut test: TokenStream = "#[::core::prelude::v1::test]".parse().expect("Rust");
    test.extend(tokens);
    test.extend([TokenTree::Group(Group::new(Delimiter::Brace, function))]);
    test
}

/// The word behind `fn`.
fn name_of(tokens: &[TokenTree]) -> Ident {
    let keyword =
        tokens.iter().position(|token| matches!(token, TokenTree::Ident(word) if word.to_string() == "fn"));
    match keyword.and_then(|at| tokens.get(at + 1)) {
        Some(TokenTree::Ident(name)) => name.clone(),
        _ => Ident::new("unnamed", Span::call_site()),
    }
}

/// Takes `#[should_panic]` out; the text that is expected, as a literal, or an empty one.
fn take_should_panic(tokens: &mut Vec<TokenTree>) -> Option<String> {
    let at = tokens.iter().position(
        |token| matches!(token, TokenTree::Group(group) if group.to_string().starts_with("[should_panic")),
    )?;
    let TokenTree::Group(attribute) = tokens.remove(at) else { unreachable!("this is what was looked for") };
    tokens.remove(at - 1); // the #
    let arguments = attribute.stream().into_iter().find_map(|token| match token {
        TokenTree::Group(arguments) => Some(arguments.stream()),
        _ => None,
    });
    let expected = arguments.and_then(|arguments| {
        arguments.into_iter().find_map(|token| match token {
            TokenTree::Literal(text) => Some(text.to_string()),
            _ => None,
        })
    });
    Some(expected.unwrap_or_else(|| "\"\"".to_owned()))
}
