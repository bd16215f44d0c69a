//! A server's code with its account, shared by the connections of all threads. What a connection holds of it is given back
//! when it is dropped, however the connection ends.

use core::net::IpAddr;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Rights;
use super::code::Code;
use super::guesses::{Guesses, Judgement, NotNow, Uses};
use super::pin::Pin;

/// A code, what it admits to, and its [`Guesses`].
pub struct CodeAccount {
    code: Code,
    rights: Rights,
    guesses: Mutex<Guesses>,
}

/// Shows no code.
impl fmt::Debug for CodeAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeAccount").field("rights", &self.rights).finish_non_exhaustive()
    }
}

impl CodeAccount {
    /// The account of a code that was never used.
    pub fn new(code: Code, rights: Rights, uses: Uses) -> Arc<CodeAccount> {
        Arc::new(CodeAccount { code, rights, guesses: Mutex::new(Guesses::new(uses)) })
    }

    /// Returns the code.
    pub fn code(&self) -> &Code {
        &self.code
    }

    /// Returns what a client with the code may do.
    pub fn rights(&self) -> Rights {
        self.rights
    }

    /// Returns the number of wrong proofs until now.
    pub fn wrong_proofs(&self) -> u32 {
        self.guesses().wrong_proofs()
    }

    /// Returns whether there were too many wrong proofs: the code admits nobody any more.
    pub fn is_withdrawn(&self) -> bool {
        self.guesses().is_withdrawn()
    }

    /// Returns whether all uses are spent.
    pub fn is_used_up(&self) -> bool {
        self.guesses().is_used_up()
    }

    /// Begins a run of CPace with a client.
    ///
    /// # Errors
    /// The code is over, or the client has to wait.
    pub fn begin(self: &Arc<Self>, client: IpAddr, now: Instant) -> Result<CodeRun, NotNow> {
        let number = self.guesses().begin(client, now)?;
        Ok(CodeRun { account: Arc::clone(self), number })
    }

    /// The account is right after every statement, so a thread that has panicked leaves nothing half done.
    fn guesses(&self) -> MutexGuard<'_, Guesses> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run of CPace. Dropped without a proof, it counts for nothing.
#[derive(Debug)]
pub struct CodeRun {
    account: Arc<CodeAccount>,
    number: u64,
}

impl CodeRun {
    /// Ends the run with a proof of the client that has presented `key`.
    pub fn prove(self, is_right: bool, key: Option<Pin>, now: Instant) -> Judgement<CodeUse> {
        let judgement = self.account.guesses().prove(self.number, is_right, key, now);
        match judgement {
            Judgement::Right(number) => {
                Judgement::Right(CodeUse { account: Arc::clone(&self.account), number })
            }
            Judgement::Wrong(answer_at) => Judgement::Wrong(answer_at),
            Judgement::NotNow(not_now) => Judgement::NotNow(not_now),
        }
    }
}

impl Drop for CodeRun {
    fn drop(&mut self) {
        self.account.guesses().end(self.number);
    }
}

/// A use of a code, reserved for a session. Dropped, it is given back.
#[derive(Debug)]
pub struct CodeUse {
    account: Arc<CodeAccount>,
    number: u64,
}

impl CodeUse {
    /// Uses it up: the session has succeeded (`RESULT` 0, or the orderly end of a raw stream).
    pub fn succeeded(self) {
        self.account.guesses().succeed(self.number);
    }
}

impl Drop for CodeUse {
    fn drop(&mut self) {
        self.account.guesses().give_back(self.number);
    }
}
