#!/usr/bin/perl
# store.pl start|stop|check IDENTITY ADDRESS FOLDER: a service that clusterd starts and stops with an identity. It closes
# file versions at a client's word, which reaches it only at the identity's address: so whoever writes holds the address.
#
#   W N   make N changes below FOLDER: overwrite in place, replace by renaming, delete
#   R     read a file; the answer is its path and checksum
#
# /run/lab is outside the node, so its ledger survives every power cut. Times are the wall clock's, ms.
#
#   - TIME PATH SHA   said before: that content (0: none) is about to be replaced at PATH by our own hand
#   x TIME PATH SHA   said before: the same, deleted
#   + TIME PATH SHA   said after: this version is closed
#
# Each version's content is unlike any other; most are of equal length, as a log's lines or a counter are.
# /run/lab/chaos-hang-VERB: that verb hangs; /run/lab/chaos-fail-VERB: it fails. Exit: 0 done; 1 failed; 3 does not run.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use Fcntl qw(O_WRONLY O_CREAT O_APPEND);
use POSIX qw(setsid);
use Socket;
use Time::HiRes qw(sleep time);

use constant { IP_FREEBIND => 15, PORT => 7007, PATHS => 320, FOLDERS => 8 };    # ip(7)

my ($verb, $identity, $address, $folder) = @ARGV;
die "store.pl: see its head\n" unless defined $folder;
my $pid_file = "/run/store-$identity.pid";

sub running {
    open(my $file, '<', $pid_file) or return;
    my ($pid) = <$file> =~ /^(\d+)/ or return;
    return (kill 0, $pid) ? $pid : undef;
}

sub start {
    return if running();
    my $pid = fork // die "fork: $!";
    if ($pid) {
        open(my $file, '>', $pid_file) or die "$pid_file: $!";
        print $file "$pid\n";
        return;
    }
    setsid();
    open(STDIN, '<', '/dev/null');
    open(STDOUT, '>', '/dev/null');
    open(STDERR, '>', "/run/lab/store-$identity.err");
    serve();
}

sub stop {
    my $pid = running() or return;
    kill 'TERM', $pid;
    for (1 .. 200) { return if !kill 0, $pid; sleep 0.01 }
    kill 'KILL', $pid;
}

sleep 3600 if -e "/run/lab/chaos-hang-$verb";
exit 1 if -e "/run/lab/chaos-fail-$verb";
if ($verb eq 'start') { start() }
elsif ($verb eq 'stop') { stop() }
else { exit(running() ? 0 : 3) }
exit 0;

# ---- the service itself ----------------------------------------------------------------------------------------------

my ($ledger, $count, $node);

sub say_so { syswrite($ledger, sprintf("%s %.3f %s %s\n", $_[0], time() * 1000, @_[1, 2])) }

sub content {
    open(my $file, '<', $_[0]) or return;
    local $/;
    return <$file> // '';
}

sub change {
    my $path = sprintf("%s%d/f%03d.txt", $folder, rand FOLDERS, rand PATHS / FOLDERS);
    my $before = content($path);
    my $gone = defined $before ? sha256_hex($before) : 0;
    my $way = rand;
    return if $way < 0.01 && !defined $before;
    if ($way < 0.01) { say_so('x', $path, $gone); unlink $path; return }
    say_so('-', $path, $gone);
    $count++;
    my $text = sprintf("%s %d %.6f %08x\n", $node, $$, time(), $count);
    $text .= "line $_ of version $count\n" x 40 for $way > 0.95 ? 1 .. 1 + rand 20 : ();
    my $draft = $way < 0.6 ? $path : "$path.tmp";
    open(my $file, '>', $draft) or return;
    print $file $text;
    close $file or return;
    rename $draft, $path if $draft ne $path;
    say_so('+', $path, sha256_hex($text));
}

sub any_file {
    my @files = glob sprintf("%s%d/f*.txt", $folder, rand FOLDERS);
    return 'nothing' unless @files;
    my $path = $files[rand @files];
    my $text = content($path);
    return defined $text ? "$path " . sha256_hex($text) : 'nothing';
}

# The socket outlives the address: a release closes sockets that are bound to it (ss -K), and then it is opened anew.
sub listen_there {
    socket(my $socket, AF_INET, SOCK_DGRAM, 0) or die "socket: $!";
    setsockopt($socket, 0, IP_FREEBIND, pack("i", 1)) or die "IP_FREEBIND: $!";
    # What waits here is done long after its customer was told to be modest.
    setsockopt($socket, SOL_SOCKET, SO_RCVBUF, pack("i", 4096)) or die "SO_RCVBUF: $!";
    bind($socket, sockaddr_in(PORT, inet_aton($address))) or die "bind $address: $!";
    return $socket;
}

sub serve {
    ($count, $node) = (0, (POSIX::uname())[1]);
    sysopen($ledger, "/run/lab/ledger-$identity.log", O_WRONLY | O_CREAT | O_APPEND) or die "ledger: $!";
    mkdir "$folder$_" for 0 .. FOLDERS - 1;
    my $socket = listen_there();
    while (1) {
        my $sender = recv($socket, my $request, 64, 0);
        if (!defined $sender) { sleep 0.02; close $socket; $socket = listen_there(); next }
        next unless length $sender;
        my ($what, $number) = split ' ', $request;
        my $answer = any_file();
        if ($what eq 'W') { change() for 1 .. $number; $answer = "$number" }
        send($socket, "$node $answer", 0, $sender);
    }
}
