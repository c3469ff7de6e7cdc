//! A file, as clients see it: the representation of RFC 9110, section 3.2.
//!
//! The header fields that describe it are spelled out once, however often it is sent. Its bytes are on the disk or in
//! memory; the response to a request is the same.

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
    /// The fields that do not depend on the file's state, spelled out.
    about: String,
    /// All of them: `Content-Type`, `Last-Modified`, `ETag`, `Accept-Ranges`, spelled out.
    fields: Arc<[u8]>,
    content: Content,
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
        let about = media_fields(name) + more;
        let validators = Validators::of_file(&open.identity, date::since_1970());
        Representation {
            identity: open.identity,
            fields: spelled(&about, &validators),
            about,
            validators,
            content: Content::Disk(Arc::new(open.file)),
        }
    }

    /// Length of the file in bytes.
    pub fn size(&self) -> u64 {
        self.identity.size
    }

    // ANCHOR: into_memory
    /// The same file with its bytes in memory.
    ///
    /// # Errors
    /// Whatever reading gives, and [`io::ErrorKind::UnexpectedEof`] for a file that changed while it was read: bytes
    /// of two states are never passed off as one.
    pub fn into_memory(self) -> io::Result<Representation> {
        let Content::Disk(file) = &self.content else { return Ok(self) };
        let mut bytes = vec![0; usize::try_from(self.size()).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, 0)?;
        let now = FileIdentity::of(file)?;
        if now != self.identity {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let validators = self.validators.of_bytes(&bytes);
        let fields = spelled(&self.about, &validators);
        Ok(Representation { validators, fields, content: Content::Memory(Arc::from(bytes)), ..self })
    }
    // ANCHOR_END: into_memory

    /// The response to a GET or HEAD for this file: conditions first, then ranges.
    pub fn respond(&self, request: &Request<'_>) -> Response {
        let size = self.size();
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

    /// The whole file as a page with this status, whatever the request says about states and ranges: those would be of the
    /// file that was asked for, and not of this one.
    pub fn as_page(self, status: u16) -> Response {
        let mut response = Response::new(status, self.body(0..self.size()));
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

/// The fields that describe a file in this state, spelled out. `about` are those that are the same in every state.
fn spelled(about: &str, validators: &Validators) -> Arc<[u8]> {
    let modified =
        validators.modified.map(|modified| format!("Last-Modified: {}\r\n", date::format(modified)));
    let modified = modified.unwrap_or_default();
    let fields = format!("{about}{modified}ETag: {}\r\nAccept-Ranges: bytes\r\n", validators.etag);
    Arc::from(fields.into_bytes())
}

/// `Content-Type`, and `Content-Encoding` for a name whose ending says both.
fn media_fields(name: &str) -> String {
    let coding = if name.to_ascii_lowercase().ends_with(".svgz") { "Content-Encoding: gzip\r\n" } else { "" };
    format!("Content-Type: {}\r\n{coding}", content_type(name))
}

/// The media type for a file name. Text is UTF-8 nowadays, and browsers guess otherwise unless they are told.
fn content_type(name: &str) -> String {
    let guess = mime_guess::from_path(name).first_or_octet_stream();
    let is_text = guess.type_() == "text"
        || matches!(guess.essence_str(), "application/javascript" | "application/json" | "image/svg+xml");
    if is_text { format!("{}; charset=utf-8", guess.essence_str()) } else { guess.essence_str().to_owned() }
}
