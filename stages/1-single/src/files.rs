//! Files beneath the document root: which one a request means, and the answer when there is none.

use http::coding::Coding;
use http::handler::Handler;
use http::representation::{Representation, is_compressed};
use http::request::Request;
use http::response::{Body, Response};
use parts::request::{DocumentRoot, FindError, Found, OpenFile, RequestPath, Target};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use program::settings::Settings;
use std::borrow::Cow;

/// The file that is served for a directory.
const INDEX: &str = "index.html";

/// The page that is served, with status 404, for a file that does not exist.
const MISSING: &str = "404.html";

/// The one name with a dot in front that is meant for clients (RFC 8615).
const WELL_KNOWN: &str = ".well-known";

/// The methods that a file allows.
const ALLOW: &str = "GET, HEAD, OPTIONS";

/// Serves files straight from the disk. The innermost handler of every stage.
#[derive(Debug)]
pub struct Files {
    root: DocumentRoot,
    dot_files: bool,
    precompressed: bool,
    /// The `Cache-Control` line with its CR LF, or empty.
    max_age: String,
}

impl Files {
    /// Serves the files beneath `root`, as the settings say.
    pub fn new(root: DocumentRoot, settings: &Settings) -> Files {
        let line = |seconds: u64| format!("Cache-Control: max-age={seconds}\r\n");
        Files {
            root,
            dot_files: settings.dot_files,
            precompressed: settings.precompressed,
            max_age: settings.max_age.map(line).unwrap_or_default(),
        }
    }

    /// The root, for callers that look a file up without serving it.
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

    /// Opens the file that `path` means, for this request.
    ///
    /// # Errors
    /// The response to send instead: a redirect to a directory's own name, or an error page.
    pub fn open(&self, request: &Request<'_>, path: &RequestPath<'_>) -> Result<Representation, Response> {
        if !self.dot_files && is_hidden(path) {
            return Err(self.missing());
        }
        let name = Files::file_path(path);
        match self.root.find(&name) {
            Ok(Found::File(file)) => Ok(self.with_siblings(&name, file)),
            Ok(Found::Directory) if path.is_directory() => Err(self.missing()),
            Ok(Found::Directory) => Err(redirect_to_directory(request)),
            Err(FindError::NotFound) => Err(self.missing()),
            Err(error) => Err(refusal(error)),
        }
    }

    /// Where the file of this name may also be stored, compressed. Whether it exists, and was made from the same bytes,
    /// is not known here.
    pub fn siblings(&self, name: &RequestPath<'_>) -> impl Iterator<Item = (Coding, RequestPath<'static>)> {
        let codings =
            if self.precompressed && !is_compressed(name.as_str()) { &Coding::ALL[..] } else { &[] };
        let named =
            |&coding: &Coding| (coding, RequestPath::named(format!("{}{}", name.as_str(), coding.ending())));
        codings.iter().map(named)
    }

    fn with_siblings(&self, name: &RequestPath<'_>, file: OpenFile) -> Representation {
        let mut all = Representation::new(name.as_str(), file, &self.max_age);
        for (coding, path) in self.siblings(name) {
            if let Ok(Found::File(file)) = self.root.find(&path) {
                all = all.or(name.as_str(), coding, file, &self.max_age);
            }
        }
        all
    }

    /// The answer if there is no file: the site's own page, if it has one. If that page cannot be read, the answer is
    /// still 404, so that one error never leads to another.
    fn missing(&self) -> Response {
        match self.root.find(&RequestPath::named(MISSING)) {
            Ok(Found::File(file)) => Representation::new(MISSING, file, "").as_page(404),
            _ => refusal(FindError::NotFound),
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
/// The response to send instead, for any method but GET and HEAD. Methods that are known but have no meaning for a file
/// get 405, unknown ones 501 (RFC 9110, section 9.1). There are two exceptions. OPTIONS asks which methods are allowed
/// for a file, or with `*` for the server; it is also HAProxy's default HTTP health check. `POST /` is a sink: it reads
/// a body, drops it and answers 204, so that chunks, `100-continue` and the limits can be tried by hand.
pub fn file_request<'r>(request: &'r Request<'_>) -> Result<&'r RequestPath<'r>, Response> {
    match (request.head.method, &request.target) {
        ("GET" | "HEAD", Target::Path(path)) => Ok(path),
        ("OPTIONS", _) => Err(with_allow(Response::new(204, Body::None))),
        ("POST", Target::Path(path)) if path.as_str().is_empty() => Err(Response::new(204, Body::None)),
        ("POST" | "PUT" | "DELETE" | "PATCH" | "TRACE" | "CONNECT", _) => {
            Err(with_allow(Response::page(405, "Files can only be read")))
        }
        _ => Err(Response::page(501, "The method is unknown")),
    }
}

/// Whether a path leads through a name that begins with a dot: those are files of tools (`.git`, `.env`, `.htpasswd`),
/// which are beneath a root by accident.
fn is_hidden(path: &RequestPath<'_>) -> bool {
    let mut names = path.as_str().split('/').enumerate();
    names.any(|(depth, name)| name.starts_with('.') && !(depth == 0 && name == WELL_KNOWN))
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

/// Redirects `/folder` to `/folder/`, so that relative links in its index work. The location is relative to the request
/// (RFC 9110, section 10.2.2): a proxy may have taken a prefix from the path, which only the client knows.
fn redirect_to_directory(request: &Request<'_>) -> Response {
    /// Bytes that a target may hold raw, but a header field or a URI may not. Bytes that are not ASCII are always
    /// encoded; what the client has encoded stays as it is.
    const RAW: &AsciiSet =
        &CONTROLS.add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'{').add(b'|').add(b'}');
    let target = request.head.target;
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    // As the client has spelled it, because a decoded slash would change what the location is relative to.
    let name = path.rsplit('/').next().unwrap_or_default();
    // With a dot in front, a colon in the name does not make it a scheme (RFC 3986, section 4.2).
    let location = format!("./{name}/{query}");
    let mut response = Response::page(301, "The directory's name ends in a slash");
    response.add("Location", &utf8_percent_encode(&location, RAW).to_string());
    response
}
