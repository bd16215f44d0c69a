//! Files and folders by HTTP.

mod archives;
mod proofs;
