//! Files beneath the document root, as responses.

use crate::handler::Handler;
use crate::http::conditional::{Validators, Verdict, evaluate};
use crate::http::range::Wanted;
use crate::http::response::{Body, Response};
use crate::http::{Request, date};
use parts::request::{DocumentRoot, FileIdentity, FindError, Found, OpenFile, RequestPath, Target};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::borrow::Cow;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// What directories are served as.
const INDEX: &str = "index.html";

/// The methods that files know.
const ALLOW: &str = "GET, HEAD";

/// Serves files straight from the disk. The innermost handler of every stage.
#[derive(Debug)]
pub struct Files {
    root: DocumentRoot,
}

/// A file as clients see it: its describing header fields, and its bytes.
#[derive(Debug)]
pub struct Representation {
    /// Which state of which file this is.
    pub identity: FileIdentity,
    validators: Validators,
    /// `Content-Type`, `Last-Modified`, `ETag`, `Accept-Ranges`, spelled out.
    fields: Arc<[u8]>,
    content: Content,
}

/// Where a file's bytes are.
#[derive(Debug, Clone)]
enum Content {
    Memory(Arc<[u8]>),
    Disk(Arc<std::fs::File>),
}

impl Files {
    /// Serves the files beneath `root`.
    pub fn new(root: DocumentRoot) -> Files {
        Files { root }
    }

    /// The root, for those who want to look without serving.
    pub fn root(&self) -> &DocumentRoot {
        &self.root
    }

    /// The path of the file that answers a GET or HEAD for `path`: itself, or the index of the directory.
    pub fn file_path(path: &RequestPath) -> Cow<'_, RequestPath> {
        if path.is_directory() || path.as_str().is_empty() {
            Cow::Owned(path.join(INDEX))
        } else {
            Cow::Borrowed(path)
        }
    }

    /// Opens the file that `path` means.
    ///
    /// # Errors
    /// The response to send instead: a redirect to a directory's own name, or an error page.
    pub fn open(&self, path: &RequestPath) -> Result<Representation, Response> {
        match self.root.find(&Files::file_path(path)) {
            Ok(Found::File(file)) => Ok(Representation::new(path, file)),
            Ok(Found::Directory) if path.is_directory() => Err(Response::page(404, "There is no such file")),
            Ok(Found::Directory) => Err(redirect_to_directory(path)),
            Err(error) => Err(refusal(error)),
        }
    }
}

impl Handler for Files {
    fn respond(&self, request: &Request<'_>) -> Response {
        match file_request(request) {
            Ok(path) => match self.open(path) {
                Ok(representation) => representation.respond(request),
                Err(response) => response,
            },
            Err(response) => response,
        }
    }
}

/// The path of a request that asks for a file.
///
/// # Errors
/// The response to send instead, for any method but GET and HEAD. Methods that are known but have no meaning for a
/// file get 405, unknown ones 501 (RFC 9110, section 9.1). There are two exceptions. `OPTIONS *` asks about the
/// server, not about a file. `POST /` is a sink: it takes a body, throws it away and says 204, so that chunks,
/// `100-continue` and the limits can be tried by hand.
pub fn file_request<'r>(request: &'r Request<'_>) -> Result<&'r RequestPath, Response> {
    // ANCHOR: file_request
    match (request.head.method, &request.target) {
        ("GET" | "HEAD", Target::Path(path)) => Ok(path),
        ("OPTIONS", Target::Server) => Err(with_allow(Response::new(204, Body::None), "GET, HEAD, OPTIONS")),
        ("POST", Target::Path(path)) if path.as_str().is_empty() => Err(Response::new(204, Body::None)),
        ("POST" | "PUT" | "DELETE" | "PATCH" | "OPTIONS" | "TRACE" | "CONNECT", _) => {
            Err(with_allow(Response::page(405, "Files can only be read"), ALLOW))
        }
        _ => Err(Response::page(501, "The method is unknown")),
    }
    // ANCHOR_END: file_request
}

fn with_allow(mut response: Response, methods: &str) -> Response {
    response.add("Allow", methods);
    response
}

/// A file system that fails is the server's fault, and worth a line in the log.
// ANCHOR: refusal
fn refusal(error: FindError) -> Response {
    match error {
        FindError::NotFound => Response::page(404, "There is no such file"),
        FindError::Forbidden => Response::page(403, "The file may not be read"),
        FindError::OutOfDescriptors => Response::overloaded("The server has too many files open"),
        FindError::Io(_) => {
            log::error!("cannot read a file: {error}");
            Response::page(500, "The file could not be read")
        }
    }
}
// ANCHOR_END: refusal

/// `/folder` is answered with the way to `/folder/`, so that relative links in its index work.
fn redirect_to_directory(path: &RequestPath) -> Response {
    /// Everything but what RFC 3986 calls unreserved, and the slash.
    const ENCODED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
    let mut location = format!("/{}/", utf8_percent_encode(path.as_str(), ENCODED));
    if let Some(query) = path.query() {
        location.push('?');
        location.push_str(query);
    }
    let mut response = Response::page(301, "The directory's name ends in a slash");
    response.add("Location", &location);
    response
}

impl Representation {
    /// Describes an open file. `path` is what was asked for; its ending decides the content type.
    fn new(path: &RequestPath, open: OpenFile) -> Representation {
        let identity = open.identity;
        // RFC 9110, section 8.8.2.1: never later than the Date of the response.
        let modified = u64::try_from(identity.modified.0).unwrap_or(0).min(date::seconds_since_1970());
        let etag = format!(
            "\"{:x}-{:x}-{:x}-{:x}.{:x}-{:x}.{:x}\"",
            identity.device,
            identity.inode,
            identity.size,
            identity.modified.0,
            identity.modified.1,
            identity.changed.0,
            identity.changed.1
        );
        let fields = format!(
            "Content-Type: {}\r\nLast-Modified: {}\r\nETag: {etag}\r\nAccept-Ranges: bytes\r\n",
            content_type(Files::file_path(path).as_str()),
            date::format(modified)
        );
        Representation {
            identity,
            validators: Validators { etag, modified },
            fields: Arc::from(fields.into_bytes()),
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
        Ok(Representation { content: Content::Memory(Arc::from(bytes)), ..self })
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

    fn body(&self, range: Range<u64>) -> Body {
        match &self.content {
            Content::Memory(bytes) => Body::Memory(bytes.clone(), range),
            Content::Disk(file) => Body::File(file.clone(), range),
        }
    }
}

/// The media type for a file name. Text is UTF-8 nowadays, and browsers guess otherwise unless they are told.
fn content_type(name: &str) -> String {
    let guess = mime_guess::from_path(name).first_or_octet_stream();
    let is_text = guess.type_() == "text"
        || matches!(guess.essence_str(), "application/javascript" | "application/json" | "image/svg+xml");
    if is_text { format!("{}; charset=utf-8", guess.essence_str()) } else { guess.essence_str().to_owned() }
}
