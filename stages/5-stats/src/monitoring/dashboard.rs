//! `/dashboard`: what `/stats` says, as a page that asks it every second. Everything it needs is in the program.

use super::typed;
use http::response::Response;

/// The page itself. Its policy forbids it to load anything from elsewhere, whatever a mistake in it might try (Content
/// Security Policy Level 3, W3C).
pub fn page() -> Response {
    let mut response = typed(include_bytes!("dashboard/page.html").to_vec(), "text/html; charset=utf-8");
    response.add(
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:",
    );
    response
}

/// How it looks.
pub fn style() -> Response {
    typed(include_bytes!("dashboard/style.css").to_vec(), "text/css; charset=utf-8")
}

/// What it concludes from the numbers.
pub fn model() -> Response {
    typed(include_bytes!("dashboard/model.js").to_vec(), "text/javascript; charset=utf-8")
}

/// How it shows that.
pub fn draw() -> Response {
    typed(include_bytes!("dashboard/draw.js").to_vec(), "text/javascript; charset=utf-8")
}
