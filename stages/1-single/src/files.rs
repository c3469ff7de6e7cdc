//! Files beneath the document root: which one a request means, and the answer when there is none.

use http::handler::Handler;
use http::representation::Representation;
use http::request::Request;
use http::response::{Body, Response};
use parts::request::{DocumentRoot, FindError, Found, RequestPath, Target};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use std::borrow::Cow;

/// What directories are served as.
const INDEX: &str = "index.html";

/// The methods that files know.
const ALLOW: &str = "GET, HEAD";

/// Serves files straight from the disk. The innermost handler of every stage.
#[derive(Debug)]
pub struct Files {
    root: DocumentRoot,
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
    pub fn file_path<'p>(path: &'p RequestPath<'p>) -> Cow<'p, RequestPath<'p>> {
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
    pub fn open(&self, path: &RequestPath<'_>) -> Result<Representation, Response> {
        let name = Files::file_path(path);
        match self.root.find(&name) {
            Ok(Found::File(file)) => Ok(Representation::new(name.as_str(), file)),
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
pub fn file_request<'r>(request: &'r Request<'_>) -> Result<&'r RequestPath<'r>, Response> {
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
        FindError::Busy => Response::overloaded("Another program holds the file"),
        FindError::Io(_) => {
            log::error!("cannot read a file: {error}");
            Response::page(500, "The file could not be read")
        }
    }
}
// ANCHOR_END: refusal

/// `/folder` is answered with the way to `/folder/`, so that relative links in its index work.
fn redirect_to_directory(path: &RequestPath<'_>) -> Response {
    /// Everything but what RFC 3986 calls unreserved, and the slash.
    const ENCODED: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
    /// What a query may hold raw, but a header field or a URI may not. Bytes beyond ASCII are encoded in any case.
    const RAW_IN_QUERY: &AsciiSet =
        &CONTROLS.add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'{').add(b'|').add(b'}');
    let mut location = format!("/{}/", utf8_percent_encode(path.as_str(), ENCODED));
    if let Some(query) = path.query() {
        location.push('?');
        location.extend(utf8_percent_encode(query, RAW_IN_QUERY));
    }
    let mut response = Response::page(301, "The directory's name ends in a slash");
    response.add("Location", &location);
    response
}
