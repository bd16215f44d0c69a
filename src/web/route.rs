//! What is to be done with a request.

use super::answer::{Answer, TEXT};
use super::reading::read;
use super::request::{Request, Route};
use super::site::{Site, WebAccess};
use super::storing::{create, creates, kept, limit_value, post, put, resource};
use crate::proto::http::{Method, split_path, values};
use crate::proto::web::origin::{Arrival, names_loopback};
use crate::proto::web::secret::CHALLENGES;
use crate::proto::web::target;
use crate::proto::web::upload::PARTIAL_UPLOAD;

/// Decides about a request whose head was received.
pub(super) fn route(request: &Request<'_>) -> Route {
    match admitted(request) {
        Ok((rest, is_private)) => dispatch(&Request { is_private, ..*request }, rest),
        // It is asked again, by the same connection.
        Err(answer) if answer.status == 401 => Route::Answer(answer),
        // It may not keep a place.
        Err(answer) => Route::Answer(answer.closing()),
    }
}

/// Returns the target as the log may have it: without the secret, or what somebody took for it.
pub(super) fn logged_target<'t>(request: &Request<'t>) -> &'t str {
    match &request.site.access {
        WebAccess::Secret(secret) => match target::below(request.head.target, secret) {
            Some("") => "/",
            Some(rest) => rest,
            None if request.client.is_here && names_loopback(request.head) => request.head.target,
            None => "-",
        },
        WebAccess::Open | WebAccess::Token(_) => request.head.target,
    }
}

/// Returns the target below the secret path, if the client may use this server, and whether it had to show that.
fn admitted<'t>(request: &Request<'t>) -> Result<(&'t str, bool), Answer> {
    let Request { head, site, client, .. } = request;
    let below = match &site.access {
        WebAccess::Secret(secret) => target::below(head.target, secret),
        WebAccess::Open | WebAccess::Token(_) => None,
    };
    let at = client.local.address();
    let arrival = Arrival { at, has_tls: client.is_secure, has_secret: below.is_some() };
    site.hosts.check(head, arrival).map_err(|foreign| {
        Answer::bytes(foreign.status(), TEXT, foreign.text().into()).with("Cache-Control", "no-store")
    })?;
    if head.method == Method::Options && head.target == "*" {
        return Ok((head.target, false));
    }
    match &site.access {
        WebAccess::Open => Ok((head.target, false)),
        WebAccess::Secret(_) => match below {
            Some(rest) => Ok((rest, true)),
            None if client.is_here && names_loopback(head) => Ok((head.target, false)),
            // It says neither that there is a secret, nor how much of it was right.
            None => Err(Answer::text(404, "")),
        },
        WebAccess::Token(token) => {
            let mut given = values(head.fields, "authorization");
            match given.any(|value| token.is_in(value)) {
                true => Ok((head.target, true)),
                false => Err(CHALLENGES.iter().fold(Answer::text(401, ""), |answer, challenge| {
                    answer.with("WWW-Authenticate", *challenge)
                })),
            }
        }
    }
}

fn dispatch(request: &Request<'_>, rest: &str) -> Route {
    if request.head.method == Method::Options {
        return Route::Answer(options(request.site));
    }
    let target = match target::parse(rest) {
        Ok(target) => target,
        Err(fault) => return Route::Answer(Answer::text(fault.status(), fault.text())),
    };
    if let (_, Some(query)) = split_path(rest)
        && let Some(route) = resource(request, &target, query)
    {
        return route;
    }
    match request.head.method_text {
        "HEAD" => match read(request, &target) {
            Route::Answer(answer) if answer.status == 404 => {
                kept(request, &target).unwrap_or(Route::Answer(answer))
            }
            route => route,
        },
        "GET" => read(request, &target),
        "PATCH" if request.site.store.is_some() => create(request, &target),
        "PUT" | "POST" if creates(request) => create(request, &target),
        "PUT" => put(request, &target),
        "POST" => post(request, &target),
        _ => Route::Answer(Answer::text(405, "").with("Allow", allowed(request.site))),
    }
}

fn options(site: &Site) -> Answer {
    let answer = Answer::empty(204).with("Allow", allowed(site));
    match site.store {
        Some(_) => answer.with("Accept-Patch", PARTIAL_UPLOAD).with("Upload-Limit", limit_value(&site.terms)),
        None => answer,
    }
}

fn allowed(site: &Site) -> &'static str {
    match site.store {
        Some(_) => "GET, HEAD, OPTIONS, PATCH, POST, PUT",
        None => "GET, HEAD, OPTIONS",
    }
}
