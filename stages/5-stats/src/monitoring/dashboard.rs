//! `/dashboard`: a page that shows `/stats`, which it requests every second. Everything it needs is in the program.

use super::typed;
use http::response::Response;

/// The page itself. Its policy forbids it to load anything from elsewhere, whatever a bug in it might try (Content
/// Security Policy Level 3, W3C).
pub fn page() -> Response {
    let mut response = typed(include_bytes!("dashboard/page.html").to_vec(), "text/html; charset=utf-8");
    response.add(
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:",
    );
    response
}

/// The style sheet of the page.
pub fn style() -> Response {
    typed(include_bytes!("dashboard/style.css").to_vec(), "text/css; charset=utf-8")
}

/// The script that computes what the page shows.
pub fn model() -> Response {
    typed(include_bytes!("dashboard/model.js").to_vec(), "text/javascript; charset=utf-8")
}

/// The script that draws it.
pub fn draw() -> Response {
    typed(include_bytes!("dashboard/draw.js").to_vec(), "text/javascript; charset=utf-8")
}
