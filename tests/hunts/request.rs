//! The bug hunts of lab 1. The broken parts are in the exercise's folder `hunts/`; these tests find the bugs.
//!
//! Each broken part has its own module, so that names and implementations in it cannot affect its tests.

// What the broken parts synchronize with: `use crate::sync`, as in the parts.
use lanes::{cell, sync};

mod list {
    pub use broken::split_list;
    #[forbid(unsafe_code)]
    mod broken {
        include!(concat!(env!("CARGO_MANIFEST_DIR"), "/hunts/list.rs"));
    }

    use verdict::test;

    #[test]
    fn a_comma_inside_of_quotes_separates_nothing() {
        for (field, expected) in [
            (r#""a, b", c"#, vec![r#""a, b""#, "c"]),
            (r#"W/"1,2" , "3""#, vec![r#"W/"1,2""#, r#""3""#]),
            (r#""a \", b", c"#, vec![r#""a \", b""#, "c"]),
            (r#""\\", b"#, vec![r#""\\""#, "b"]),
            (r#""a\,", b"#, vec![r#""a\,""#, "b"]),
            (r"a\, b", vec![r"a\", "b"]),
            (r#"no-cache="a, b", c"#, vec![r#"no-cache="a, b""#, "c"]),
            (r#""é, b", c"#, vec![r#""é, b""#, "c"]),
        ] {
            assert_eq!(split_list(field), expected, "what split_list makes of {field}");
        }
    }

    #[test]
    fn values_are_trimmed_and_empty_ones_do_not_count() {
        assert_eq!(split_list(" gzip ,\tbr,, "), ["gzip", "br"], "white space and empty values are left out");
        assert!(split_list(" , ,").is_empty(), "a list of empty values holds nothing");
    }
}

mod news {
    pub use broken::News;
    mod broken {
        include!(concat!(env!("CARGO_MANIFEST_DIR"), "/hunts/news.rs"));
    }

    use lanes::{Model, thread};
    use std::sync::Arc;
    use verdict::test;

    #[test]
    fn a_reader_that_sees_that_it_is_printed_reads_all_of_it() {
        Model::new("a reader that sees that it is printed reads all of it")
            .outcomes(&["early", "read"])
            .check(|run| {
                let news = Arc::new(News::new());
                let press = thread::spawn_named("press", {
                    let news = news.clone();
                    move || news.print(7)
                });
                run.outcome(match news.read() {
                    None => "early",
                    Some(text) => {
                        assert_eq!(text, 7, "the news was read before it was written");
                        "read"
                    }
                });
                press.join().unwrap();
                for reading in ["once", "once more"] {
                    assert_eq!(news.read(), Some(7), "the news is printed, and is read {reading}");
                }
            });
    }

    /// Catches: news that are read without a look at them.
    #[test]
    fn what_was_printed_is_read() {
        Model::new("what was printed is read").outcomes(&["early", "read"]).check(|run| {
            let news = Arc::new(News::new());
            let press = thread::spawn_named("press", {
                let news = news.clone();
                move || news.print(9)
            });
            run.outcome(if news.read().is_some() { "read" } else { "early" });
            press.join().unwrap();
            assert_eq!(news.read(), Some(9), "9 was printed");
        });
    }
}

// The types of the compared values, by their full names: a type of the student's own could be equal to everything.
const _: for<'a> fn(&'a ::core::primitive::str) -> ::std::vec::Vec<&'a ::core::primitive::str> =
    list::split_list;
const _: fn(&news::News) -> ::core::option::Option<::core::primitive::u32> = news::News::read;
