//! The Rust on the pages, as doc tests. `ignore` marks what is included from files, which are compiled where they are.

macro_rules! pages {
    ($($name:ident: $page:literal;)*) => { $(
        #[cfg(doctest)]
        #[doc = include_str!(concat!("../../src/", $page))]
        mod $name {}
    )* };
}

pages! {}
