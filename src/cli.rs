//! The command line: what the operator can do, one file a command. It turns options into operations and outcomes into
//! text; it decides nothing itself.

mod application;
mod backup;
mod check;
mod customer;
mod demo;
mod flow;
mod hook;
mod key;
mod keystore;
mod migrate;
mod output;
mod records;
mod secret;
mod serve;
mod session;
mod table;
mod token;
mod user;
mod webhook;
mod wsdl;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "flowgate",
    version,
    about = "A self-hosted SOAP/WSDL gateway: one binary, one embedded database",
    long_about = "A self-hosted SOAP/WSDL gateway: one binary, one embedded database.\n\n\
                  'flowgate serve --demo' starts it with demo data and prints a request to try.",
    after_help = "Examples:\n  \
                  flowgate serve --demo\n  \
                  flowgate customer add --name Shop\n  \
                  flowgate app add --customer Shop --name orders --ip any --scope all\n  \
                  flowgate backup /var/backups/flowgate.db\n\n\
                  The administrative commands may run beside a running server; it follows within a second.\n\
                  Exit status: 0 done, 1 failed, 2 wrong usage.",
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options that every command has, before or after its name.
#[derive(Args)]
#[command(next_help_heading = "Options of every command")]
struct Global {
    /// The directory of the database [default: ./data, or store.directory of the settings].
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    /// A file of settings in TOML; docs/operations.md lists them all.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Print results as JSON, for scripts.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Arguments),
    #[command(subcommand)]
    Customer(customer::Command),
    #[command(subcommand)]
    App(application::Command),
    #[command(subcommand)]
    Key(key::Command),
    #[command(subcommand)]
    Token(token::Command),
    #[command(subcommand, visible_alias = "users")]
    User(user::Command),
    #[command(subcommand, visible_alias = "flows")]
    Flow(flow::Command),
    #[command(subcommand, alias = "record")]
    Records(records::Command),
    #[command(subcommand)]
    Webhook(webhook::Command),
    #[command(subcommand, visible_alias = "hooks")]
    Hook(hook::Command),
    #[command(subcommand, visible_alias = "keystores")]
    Keystore(keystore::Command),
    #[command(subcommand)]
    Secret(secret::Command),
    #[command(subcommand, visible_alias = "tables")]
    Table(table::Command),
    Migrate(migrate::Arguments),
    Wsdl(wsdl::Arguments),
    Backup(backup::Arguments),
    Check(check::Arguments),
}

/// Reads the command line, does what it asks, and reports how that went.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody is left to hear that the usage could not be printed.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match dispatch(&cli.global, cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::report(&error);
            ExitCode::FAILURE
        }
    }
}

fn dispatch(global: &Global, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(arguments) => serve::run(global, &arguments),
        Command::Customer(command) => customer::run(global, command),
        Command::App(command) => application::run(global, command),
        Command::Key(command) => key::run(global, command),
        Command::Token(command) => token::run(global, command),
        Command::User(command) => user::run(global, command),
        Command::Flow(command) => flow::run(global, command),
        Command::Records(command) => records::run(global, command),
        Command::Webhook(command) => webhook::run(global, command),
        Command::Hook(command) => hook::run(global, command),
        Command::Keystore(command) => keystore::run(global, command),
        Command::Secret(command) => secret::run(global, command),
        Command::Table(command) => table::run(global, command),
        Command::Migrate(arguments) => migrate::run(global, &arguments),
        Command::Wsdl(arguments) => wsdl::run(global, &arguments),
        Command::Backup(arguments) => backup::run(global, &arguments),
        Command::Check(arguments) => check::run(global, &arguments),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
