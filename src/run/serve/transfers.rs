//! `serve --store` and `--share`: files, by the native protocol and by HTTP.

use super::Server;
use super::mode::{TransferPlan, WebPlan};
use crate::error::{Error, Exit};
use crate::http::log::Log;
use crate::net::endpoint::Endpoint;
use crate::net::listen::reached_by_others;
use crate::net::reactor::{Io, WaitGroup};
use crate::net::stdio::check_stdout;
use crate::net::{fill_random, host_name};
use crate::proto::web::origin::Hosts;
use crate::proto::web::secret::{SecretPath, Token};
use crate::report::{Lines, escape_name};
use crate::server::client_session::SessionLimits;
use crate::server::option_files::bytes_of;
use crate::store::{Folder, Share, SourceFile, StoreError, SymlinkPolicy};
use crate::transfer::server::budget::{shared_descriptors, spare_parts};
use crate::transfer::server::clients::{Clients, ClientsLimits, STOP_LIMIT};
use crate::transfer::{Limits, Offer, Sessions, SpareParts, appended};
use crate::web::archive::ArchiveCache;
use crate::web::face::Face;
use crate::web::hashing::DigestCache;
use crate::web::once::Once;
use crate::web::site::{Site, WebAccess};
use crate::web::storing::running::RunningUploads;
use crate::web::storing::upload::DigestNote;
use crate::web::terms::WebTerms;
use std::num::NonZero;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

impl TransferPlan {
    /// Opens the folders and files to store to and to share.
    pub(super) fn open(&self, spare_parts: SpareParts) -> Result<Offer, Error> {
        Ok(Offer {
            store: self.store.as_deref().map(open_store).transpose()?,
            share: self.share.as_deref().map(|path| open_share(path, self.links)).transpose()?,
            keep_existing: self.keep_existing,
            max_size: self.max_size,
            max_entries: self.max_entries,
            spare_parts,
            digests: self.digests.as_deref().map(appended).transpose()?,
            sessions: Sessions::default(),
            only: self.once.then(Arc::default),
        })
    }
}

impl TransferPlan {
    /// What browsers and curl see and may send.
    fn site(
        &self,
        web: &WebPlan,
        offer: &Offer,
        (session_limits, endpoints, is_behind_proxy): (SessionLimits, &[Endpoint], bool),
    ) -> Result<Site, Error> {
        let Limits { handshake, idle, rate } = self.limits;
        let access = match (&web.token, web.is_open) {
            (Some(path), _) => {
                let token = Token::parse(&bytes_of(path, "--token")?);
                let usage = |fault| {
                    let path = escape_name(path.as_os_str().as_bytes());
                    Error::new(Exit::Usage, format!("--token {path}: {fault}"))
                };
                WebAccess::Token(token.map_err(usage)?)
            }
            (None, true) => WebAccess::Open,
            // Nobody else reaches it. Of a socket that was passed on the address decides.
            (None, false)
                if endpoints.iter().all(|endpoint| is_for_this_machine(endpoint, is_behind_proxy)) =>
            {
                WebAccess::Open
            }
            (None, false) => {
                let mut random = Zeroizing::new([0; 16]);
                fill_random(&mut *random)?;
                WebAccess::Secret(SecretPath::new(&random))
            }
        };
        Ok(Site {
            share: offer.share.clone(),
            store: offer.store.clone(),
            uploads: self.uploads(),
            title: self.title(),
            access,
            hosts: Hosts::new(&host_name(), web.hosts.clone()),
            once: None,
            log: None,
            terms: WebTerms {
                head_timeout: handshake,
                idle_timeout: idle,
                session_timeout: session_limits.session,
                rate,
                max_size: self.max_size,
                max_entries: self.max_entries,
                keep_existing: self.keep_existing,
                cache: web.cache,
                is_site: web.is_site,
                is_behind_proxy,
                etag: web.etag,
            },
            digest_note: offer.digests.clone().map(|sink| -> DigestNote {
                Arc::new(move |path, digest, report| sink.write_one(path, digest, report))
            }),
            running: Arc::default(),
            resumable: Arc::default(),
            digests: DigestCache::default(),
            archives: ArchiveCache::default(),
        })
    }
}

/// Returns whether only this machine's programs reach an endpoint.
fn is_for_this_machine(endpoint: &Endpoint, is_behind_proxy: bool) -> bool {
    !is_behind_proxy && reached_by_others(endpoint, false).is_ok_and(|reached| reached.is_empty())
}

fn unusable(option: &str, path: &Path, fault: &StoreError) -> Error {
    Error::new(Exit::Usage, format!("{option} {}: {fault}", escape_name(path.as_os_str().as_bytes())))
}

fn open_store(path: &Path) -> Result<Folder, Error> {
    Folder::open(path).map_err(|fault| unusable("--store", path, &fault))
}

fn open_share(path: &Path, links: SymlinkPolicy) -> Result<Share, Error> {
    let failed = |fault: StoreError| unusable("--share", path, &fault);
    if path.is_dir() {
        return Ok(Share::Folder(Folder::open(path).map_err(failed)?, links));
    }
    SourceFile::open(path).map_err(failed)?;
    let name = path.file_name().map(|name| name.as_bytes().to_vec()).unwrap_or_default();
    Ok(Share::File { path: path.to_owned(), name })
}

/// Serves transfers until the command is stopped or the only session is over. There are descriptors for this many large `sessions`.
pub(super) fn transfer(mut server: Server<'_>, plan: &TransferPlan, sessions: usize) -> Result<(), Error> {
    let (budget, max_clients) = (plan.descriptors(), server.setup.limits.max_clients);
    let (offer, running) = (plan.open(spare_parts(budget, sessions))?, WaitGroup::default());
    if let Some(folder) = &offer.store {
        folder.remove_leftovers();
    }
    let (report, signals) = (server.report, server.signals);
    let is_behind_proxy = server.setup.limits.proxy_header_timeout.is_some();
    let terms = (server.setup.terms.session_limits, &server.setup.endpoints[..], is_behind_proxy);
    let site = plan.web.as_ref().map(|web| plan.site(web, &offer, terms)).transpose()?;
    let has_certificate = plan.web.as_ref().is_some_and(|web| web.identity.is_some());
    server.setup.web = site.as_ref().map(|site| site.invitation(has_certificate));
    let only = offer.only.clone();
    // Those of requests by HTTP are counted apart.
    let counted = plan.web.is_some().then_some(sessions);
    let descriptors = shared_descriptors(budget, counted, offer.spare_parts);
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    let most = ClientsLimits { clients: max_clients, descriptors, workers };
    let clients = |io: &Io, terms| {
        let context = (io.clone(), report.clone(), signals.clone());
        Clients::new((plan.limits, terms, plan.wire), offer, most, running.clone(), context)
    };
    let mut log = None;
    let result = match site {
        None => server.open(|io, terms| Ok(clients(io, terms))),
        Some(mut site) => server.open(|io, terms| {
            site.running = Arc::new(RunningUploads::new(signals.clone()));
            site.once = only.map(|only| {
                let claiming = Arc::clone(&only);
                let claim = move || claiming.begin_elsewhere();
                Arc::new(Once::new(claim, move || only.release_elsewhere(), io.thread_waker()))
            });
            if let Some(form) = plan.web.as_ref().and_then(|web| web.log) {
                check_stdout()?;
                let acceptor = io.thread_waker();
                let started = Lines::start(report.clone(), move || acceptor.wake());
                let lines = started.map_err(|error| Error::new(Exit::Failed, error))?;
                site.log = Some(Log { form, lines });
                log = site.log.clone();
            }
            let context = (io.clone(), signals.clone());
            let socket = terms.socket.clone();
            Ok(Face::new(
                (clients(io, terms), socket, (max_clients, sessions)),
                site,
                running.clone(),
                context,
            ))
        }),
    };
    let is_stopped = matches!(&result, Err(error) if matches!(error.exit(), Exit::Signal(_)));
    // After the only session there is nothing left to clean up.
    if is_stopped || !plan.once {
        running.wait_within(STOP_LIMIT);
    }
    match log {
        Some(log) => log.finish(result, signals),
        None => result,
    }
}
