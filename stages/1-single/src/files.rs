//! Files beneath the document root: which one a request means, and the answer when there is none.

use http::handler::Handler;
use http::representation::Representation;
use http::request::Request;
use http::response::{Body, Response};
use parts::request::{DocumentRoot, FindError, Found, RequestPath, Target};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use std::borrow::Cow;

/// What directories are served as.
const INDEX: &str = "index.html";

/// The methods that files know.
const ALLOW: &str = "GET, HEAD, OPTIONS";

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
    pub fn file_path(path: &RequestPath) -> Cow<'_, RequestPath> {
        if path.is_directory() || path.as_str().is_empty() {
            Cow::Owned(path.join(INDEX))
        } else {
            Cow::Borrowed(path)
        }
    }

    /// Opens the file that `path` means, for this request.
    ///
    /// # Errors
    /// The response to send instead: a redirect to a directory's own name, or an error page.
    pub fn open(&self, request: &Request<'_>, path: &RequestPath) -> Result<Representation, Response> {
        let name = Files::file_path(path);
        match self.root.find(&name) {
            Ok(Found::File(file)) => Ok(Representation::new(name.as_str(), file)),
            Ok(Found::Directory) if path.is_directory() => Err(Response::page(404, "There is no such file")),
            Ok(Found::Directory) => Err(redirect_to_directory(request)),
            Err(error) => Err(refusal(error)),
        }
    }
}

impl Handler for Files {
    fn respond(&self, request: &Request<'_>) -> Response {
        match file_request(request) {
            Ok(path) => match self.open(request, path) {
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
/// file get 405, unknown ones 501 (RFC 9110, section 9.1). There are two exceptions. OPTIONS asks what may be done to any
/// file, or with `*` to the server; it is also how HAProxy asks whether a server is there, if nobody tells it another way.
/// `POST /` is a sink: it takes a body, throws it away and says 204, so that chunks, `100-continue` and the limits can be
/// tried by hand.
pub fn file_request<'r>(request: &'r Request<'_>) -> Result<&'r RequestPath, Response> {
    // ANCHOR: file_request
    match (request.head.method, &request.target) {
        ("GET" | "HEAD", Target::Path(path)) => Ok(path),
        ("OPTIONS", _) => Err(with_allow(Response::new(204, Body::None))),
        ("POST", Target::Path(path)) if path.as_str().is_empty() => Err(Response::new(204, Body::None)),
        ("POST" | "PUT" | "DELETE" | "PATCH" | "TRACE" | "CONNECT", _) => {
            Err(with_allow(Response::page(405, "Files can only be read")))
        }
        _ => Err(Response::page(501, "The method is unknown")),
    }
    // ANCHOR_END: file_request
}

fn with_allow(mut response: Response) -> Response {
    response.add("Allow", ALLOW);
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

/// `/folder` is answered with the way to `/folder/`, so that relative links in its index work. The way is relative to the
/// request (RFC 9110, section 10.2.2): a proxy may have taken a prefix from the path, which only the client knows.
fn redirect_to_directory(request: &Request<'_>) -> Response {
    /// What a target may hold raw, but a header field or a URI may not. Bytes beyond ASCII are encoded in any case; what
    /// the client has encoded stays as it is.
    const RAW: &AsciiSet =
        &CONTROLS.add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'{').add(b'|').add(b'}');
    let target = request.head.target;
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    // As the client has spelled it: what a decoded slash is relative to is not what the client's slash is.
    let name = path.rsplit('/').next().unwrap_or_default();
    // With a dot in front, a colon in the name does not make it a scheme (RFC 3986, section 4.2).
    let location = format!("./{name}/{query}");
    let mut response = Response::page(301, "The directory's name ends in a slash");
    response.add("Location", &utf8_percent_encode(&location, RAW).to_string());
    response
}
