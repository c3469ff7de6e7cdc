//! HTTP/1.1 for static files (RFC 9110, RFC 9112): what every stage promises, with one connection at a time.

mod bodies;
mod conditions;
mod connections;
mod files;
mod framing;
mod limits;
mod methods;
mod paths;
mod precompressed;
mod site;
mod slow;
