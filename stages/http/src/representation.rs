//! A file, as clients see it: the representation of RFC 9110, section 3.2.
//!
//! The header fields that describe it are formatted once, however often it is sent. Its bytes are on the disk or in
//! memory; the response is the same.

use crate::coding::{Coding, preferred};
use crate::conditional::{Verdict, evaluate};
use crate::date;
use crate::range::Wanted;
use crate::request::Request;
use crate::response::{Body, Response};
use crate::validators::Validators;
use parts::request::{FileIdentity, OpenFile};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Header fields that describe a file, and its bytes.
#[derive(Debug)]
pub struct Representation {
    /// Which state of which file this is.
    pub identity: FileIdentity,
    validators: Validators,
    /// The fields that do not depend on the file's state, as header lines.
    about: String,
    /// `about`, then `Last-Modified`, `ETag` and `Accept-Ranges`, as header lines.
    fields: Arc<[u8]>,
    content: Content,
    coding: Option<Coding>,
    /// The same file, stored in other codings.
    siblings: Vec<Representation>,
}

/// Where a file's bytes are.
#[derive(Debug, Clone)]
enum Content {
    Memory(Arc<[u8]>),
    Disk(Arc<std::fs::File>),
}

impl Representation {
    /// Describes an open file. The ending of its name decides the media type. `more` is further header lines, each with its
    /// CR LF, that are sent with the file and with a 304.
    pub fn new(name: &str, open: OpenFile, more: &str) -> Representation {
        Representation::stored(name, open, None, more)
    }

    /// The same file, also stored in a coding. The client's `Accept-Encoding` decides which is sent.
    pub fn or(mut self, name: &str, coding: Coding, open: OpenFile, more: &str) -> Representation {
        self.siblings.push(Representation::stored(name, open, Some(coding), more));
        self
    }

    fn stored(name: &str, open: OpenFile, coding: Option<Coding>, more: &str) -> Representation {
        let about = media_fields(name, coding) + more;
        let validators = Validators::of_file(&open.identity, date::since_1970());
        let validators = in_coding(validators, coding);
        Representation {
            identity: open.identity,
            fields: spelled(&about, &validators),
            about,
            validators,
            content: Content::Disk(Arc::new(open.file)),
            coding,
            siblings: Vec::new(),
        }
    }

    /// The state of the file that is stored in this coding, if there is one.
    pub fn sibling(&self, coding: Coding) -> Option<FileIdentity> {
        self.siblings.iter().find(|sibling| sibling.coding == Some(coding)).map(|sibling| sibling.identity)
    }

    /// The states of all files that this one is stored in.
    pub fn identities(&self) -> impl Iterator<Item = &FileIdentity> {
        std::iter::once(&self.identity).chain(self.siblings.iter().map(|sibling| &sibling.identity))
    }

    /// Length of all that is stored, in bytes.
    pub fn size(&self) -> u64 {
        self.identities().map(|identity| identity.size).fold(0, u64::saturating_add)
    }

    // ANCHOR: into_memory
    /// The same file with its bytes in memory.
    ///
    /// # Errors
    /// Whatever reading gives, and [`io::ErrorKind::UnexpectedEof`] for a file that changed while it
    /// was read: bytes of two states are never passed off as one.
    pub fn into_memory(self) -> io::Result<Representation> {
        let Content::Disk(file) = &self.content else { return Ok(self) };
        let mut bytes = vec![0; usize::try_from(self.identity.size).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, 0)?;
        let now = FileIdentity::of(file)?;
        if now != self.identity {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let validators = in_coding(self.validators.of_bytes(&bytes), self.coding);
        let fields = spelled(&self.about, &validators);
        let siblings =
            self.siblings.into_iter().map(Representation::into_memory).collect::<io::Result<_>>()?;
        Ok(Representation {
            validators,
            fields,
            siblings,
            content: Content::Memory(Arc::from(bytes)),
            ..self
        })
    }
    // ANCHOR_END: into_memory

    /// The response to a GET or HEAD for this file: codings first, then conditions, then ranges.
    pub fn respond(&self, request: &Request<'_>) -> Response {
        if self.siblings.is_empty() {
            return self.send(request);
        }
        let wanted = preferred(&request.head, self.siblings.iter().filter_map(|sibling| sibling.coding));
        let chosen = self.siblings.iter().find(|sibling| wanted.is_some() && sibling.coding == wanted);
        let mut response = chosen.unwrap_or(self).send(request);
        // On every response, because a refusal also concerns the chosen one (RFC 9110, section 12.5.5).
        response.add("Vary", "Accept-Encoding");
        response
    }

    fn send(&self, request: &Request<'_>) -> Response {
        let size = self.identity.size;
        let (status, body, content_range) = match evaluate(&request.head, &self.validators, size) {
            Verdict::PreconditionFailed => {
                return Response::page(412, "The file is not in the state asked for");
            }
            Verdict::NotModified => (304, Body::None, None),
            Verdict::Send(Wanted::Whole) => (200, self.body(0..size), None),
            Verdict::Send(Wanted::Part(range)) => {
                let says = format!("bytes {}-{}/{size}", range.start, range.end - 1);
                (206, self.body(range), Some(says))
            }
            Verdict::Send(Wanted::Unsatisfiable) => {
                let mut response = Response::page(416, "The file has no such bytes");
                response.add("Content-Range", &format!("bytes */{size}"));
                return response;
            }
        };
        let mut response = Response::new(status, body);
        response.shared_fields = Some(self.fields.clone());
        if let Some(value) = content_range {
            response.add("Content-Range", &value);
        }
        response
    }

    /// The whole file as a page with this status. Conditions and ranges of the request are ignored, because they are
    /// about the requested file, and not about this one.
    pub fn as_page(self, status: u16) -> Response {
        let mut response = Response::new(status, self.body(0..self.identity.size));
        response.fields = self.about.into_bytes();
        response
    }

    fn body(&self, range: Range<u64>) -> Body {
        match &self.content {
            Content::Memory(bytes) => Body::Memory(bytes.clone(), range),
            Content::Disk(file) => Body::File(file.clone(), range),
        }
    }
}

/// The header lines that describe a file in this state. `about` are those that are the same in every state.
fn spelled(about: &str, validators: &Validators) -> Arc<[u8]> {
    let modified =
        validators.modified.map(|modified| format!("Last-Modified: {}\r\n", date::format(modified)));
    let modified = modified.unwrap_or_default();
    let fields = format!("{about}{modified}ETag: {}\r\nAccept-Ranges: bytes\r\n", validators.etag);
    Arc::from(fields.into_bytes())
}

fn in_coding(validators: Validators, coding: Option<Coding>) -> Validators {
    match coding {
        Some(coding) => validators.in_coding(coding.name()),
        None => validators,
    }
}

/// `Content-Type`, and `Content-Encoding` for a file that is stored in a coding.
fn media_fields(name: &str, coding: Option<Coding>) -> String {
    let coding = coding.or(is_compressed(name).then_some(Coding::Gzip));
    let coding = coding.map(|coding| format!("Content-Encoding: {}\r\n", coding.name()));
    format!("Content-Type: {}\r\n{}", content_type(name), coding.unwrap_or_default())
}

/// Whether the ending of a name says that the file itself is compressed: `.svgz` means SVG with gzip.
pub fn is_compressed(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".svgz")
}

/// The media type for a file name. Text is UTF-8 nowadays, but browsers guess unless they are told.
fn content_type(name: &str) -> String {
    let guess = mime_guess::from_path(name).first_or_octet_stream();
    let is_text = guess.type_() == "text"
        || matches!(guess.essence_str(), "application/javascript" | "application/json" | "image/svg+xml");
    if is_text { format!("{}; charset=utf-8", guess.essence_str()) } else { guess.essence_str().to_owned() }
}
