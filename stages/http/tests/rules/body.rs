//! `http::body::Discard`: a body is read to its last byte and not one further (RFC 9112, section 7.1).

use http::body::{Discard, Fed};
use http::framing::{Framing, MAX_BODY, Refusal};
use proptest::prelude::*;
use proptest::sample::Index;

/// Feeds `bytes` in the given pieces, as a connection does: what is used is dropped, the rest is shown again.
/// Gives what was not used, once the body is complete.
fn feed_in_pieces<'b>(
    framing: Framing,
    pieces: impl IntoIterator<Item = &'b [u8]>,
) -> Result<Option<Vec<u8>>, Refusal> {
    let mut body = Discard::new(framing);
    let mut input = Vec::new();
    let mut done = false;
    for piece in pieces {
        input.extend_from_slice(piece);
        if !done {
            let fed: Fed = body.feed(&input)?;
            input.drain(..fed.used);
            done = fed.done;
        }
    }
    Ok(done.then_some(input))
}

/// Feeds everything at once: the status of the refusal, or whether the body is complete.
fn verdict(framing: Framing, bytes: &[u8]) -> Result<bool, u16> {
    Discard::new(framing).feed(bytes).map(|fed| fed.done).map_err(|refusal| refusal.status)
}

fn cut<'b>(bytes: &'b [u8], places: &[Index]) -> Vec<&'b [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

#[test]
fn a_body_of_known_length_ends_where_it_says() {
    let whole = Discard::new(Framing::Length(5)).feed(b"helloGET /");
    assert_eq!(whole, Ok(Fed { used: 5, done: true }));
    assert_eq!(Discard::new(Framing::Length(5)).feed(b"hel"), Ok(Fed { used: 3, done: false }));
    assert_eq!(Discard::new(Framing::None).feed(b"GET /"), Ok(Fed { used: 0, done: true }));
}

#[test]
fn a_chunked_body_ends_at_its_last_chunk() {
    let bodies: [&[u8]; 8] = [
        b"0\r\n\r\n",
        b"000\r\n\r\n",
        b"5\r\nhello\r\n0\r\n\r\n",
        b"A\r\n0123456789\r\na\r\n\r\n\r\n\r\n\r\n\r\n\r\n0\r\n\r\n",
        b"000000000000005\r\nhello\r\n0\r\n\r\n",
        b"5;name\r\nhello\r\n0;a=b;c=\"d e\"\r\n\r\n",
        b"0\r\nTrailer: value\r\nAnother:\r\n\r\n",
        b"2\r\n\r\n\r\n0\r\n\r\n",
    ];
    for body in bodies {
        let pieces = [body, b"GET /"].concat();
        let left = feed_in_pieces(Framing::Chunked, [pieces.as_slice()]);
        assert_eq!(left, Ok(Some(b"GET /".to_vec())), "\"{}\", then the next request", body.escape_ascii());
    }
}

#[test]
fn broken_chunks_are_refused() {
    let bodies: [&[u8]; 22] = [
        b"\r\n",
        b"g\r\n",
        b"-5\r\n",
        b"+5\r\n",
        b"0x5\r\n",
        b" 5\r\n",
        b"5 \r\n",
        b"5\t\r\n",
        b"5\n",
        b"5\rh",
        b"5\r\r\n",
        b"5;\r\n",
        b"5;=b\r\n",
        b"5 ;a\r\n",
        b"5;a=\r\n",
        b"5;a=\"b\r\n",
        b"5,5\r\n",
        b"5\r\nhelloX",
        b"5\r\nhello\rX",
        b"5\r\nhello\n0\r\n\r\n",
        b"0\r\nno colon\r\n\r\n",
        b"0\r\na: \x00\r\n\r\n",
    ];
    for body in bodies {
        assert_eq!(verdict(Framing::Chunked, body), Err(400), "\"{}\" must be refused", body.escape_ascii());
    }
}

#[test]
fn a_chunk_size_never_wraps_around() {
    for size in ["fffffffffffffffff", "10000000000000005", "ffffffffffffffff", &"f".repeat(1000)] {
        let refused = verdict(Framing::Chunked, format!("{size}\r\nhello\r\n0\r\n\r\n").as_bytes());
        assert_eq!(refused, Err(400), "the chunk size {size} has more digits than any size needs");
    }
    // The largest size that is read: it is not complete after five bytes, and passes the limit after MAX_BODY.
    assert_eq!(verdict(Framing::Chunked, b"fffffffffffffff\r\nhello"), Ok(false));
}

#[test]
fn a_body_may_be_as_long_as_the_limit_and_no_longer() {
    let limit = usize::try_from(MAX_BODY).expect("the limit is small");
    let zeros = vec![0; limit + 1];
    assert_eq!(verdict(Framing::Length(MAX_BODY), &zeros[..limit]), Ok(true));
    assert_eq!(verdict(Framing::Length(MAX_BODY + 1), &zeros), Err(413));
    let chunked = |length: usize| {
        let (first, second) = (length / 2, length - length / 2);
        let head = |size: usize| format!("{size:x}\r\n").into_bytes();
        [&head(first), &zeros[..first], b"\r\n", &head(second), &zeros[..second], b"\r\n0\r\n\r\n"].concat()
    };
    assert_eq!(verdict(Framing::Chunked, &chunked(limit)), Ok(true), "MAX_BODY bytes in two chunks");
    assert_eq!(verdict(Framing::Chunked, &chunked(limit + 1)), Err(413), "one byte more");
}

#[test]
fn a_length_that_is_only_announced_is_not_refused_yet() {
    assert_eq!(verdict(Framing::Length(u64::MAX), b"hello"), Ok(false), "the client is still sending");
}

#[test]
fn a_line_at_the_limit_may_come_in_pieces() {
    let line = |length: usize| format!("0;{}\r\n\r\n", "a".repeat(length - 2)).into_bytes();
    let at_the_limit = line(1024);
    let whole = feed_in_pieces(Framing::Chunked, [at_the_limit.as_slice()]);
    assert_eq!(whole, Ok(Some(Vec::new())), "a chunk-size line of 1024 bytes, all at once");
    for place in 1020..at_the_limit.len() {
        let (before, after) = at_the_limit.split_at(place);
        let cut = feed_in_pieces(Framing::Chunked, [before, after]);
        assert_eq!(cut, Ok(Some(Vec::new())), "a chunk-size line of 1024 bytes, cut after {place}");
    }
    assert_eq!(verdict(Framing::Chunked, &line(1025)), Err(400), "one byte more");
    assert_eq!(verdict(Framing::Chunked, &line(3000)[..1100]), Err(400), "a line that does not end");
}

#[test]
fn chunk_extensions_count_towards_the_limit() {
    let chunk = format!("1;{}\r\nx\r\n", "e".repeat(1000));
    let bytes = chunk.repeat(MAX_BODY as usize / 1000 + 1);
    assert_eq!(
        verdict(Framing::Chunked, bytes.as_bytes()),
        Err(413),
        "a thousand bytes of extension for each of body"
    );
}

#[test]
fn a_trailer_section_that_does_not_end_is_refused() {
    let trailer = ["0\r\n".to_owned(), "name: value\r\n".repeat(1000)].concat();
    assert_eq!(verdict(Framing::Chunked, trailer.as_bytes()), Err(431));
}

/// A chunked body in any spelling that the grammar allows.
fn chunked_body() -> impl Strategy<Value = Vec<u8>> {
    let extension = "(;[a-z]{1,3}(=([a-z0-9]{1,4}|\"[a-z ]{0,4}\"))?){0,2}";
    let chunk = (prop::collection::vec(any::<u8>(), 1..40), "0{0,3}", any::<bool>(), extension);
    let trailer = "([A-Za-z]{1,4}: ?[a-z ]{0,6}\r\n){0,3}";
    (prop::collection::vec(chunk, 0..6), extension, trailer).prop_map(|(chunks, last_extension, trailer)| {
        let mut bytes = Vec::new();
        for (data, zeros, capital, extension) in chunks {
            let size = if capital { format!("{:X}", data.len()) } else { format!("{:x}", data.len()) };
            bytes.extend(format!("{zeros}{size}{extension}\r\n").into_bytes());
            bytes.extend(data);
            bytes.extend(b"\r\n");
        }
        bytes.extend(format!("0{last_extension}\r\n{trailer}\r\n").into_bytes());
        bytes
    })
}

proptest! {
    #![proptest_config(super::properties())]

    #[test]
    fn a_chunked_body_is_used_up_exactly_however_it_is_cut(
        body in chunked_body(), places in prop::collection::vec(any::<Index>(), 0..12),
        next in prop::collection::vec(any::<u8>(), 0..10),
    ) {
        let bytes = [body.as_slice(), &next].concat();
        prop_assert_eq!(feed_in_pieces(Framing::Chunked, cut(&bytes, &places)), Ok(Some(next)));
        let (last, before) = body.split_last().expect("a body has a last line");
        prop_assert_eq!(feed_in_pieces(Framing::Chunked, [before]), Ok(None), "without its last byte {}", last);
    }

    #[test]
    fn how_garbage_is_cut_makes_no_difference(
        garbage in prop::collection::vec(prop::sample::select(b"0123af;=\":\r\n\r\n \tX\x00".to_vec()), 0..60),
        places in prop::collection::vec(any::<Index>(), 0..12),
    ) {
        let whole = feed_in_pieces(Framing::Chunked, [garbage.as_slice()]).map_err(|refusal| refusal.status);
        let pieces = feed_in_pieces(Framing::Chunked, cut(&garbage, &places)).map_err(|refusal| refusal.status);
        prop_assert_eq!(whole, pieces);
    }
}
