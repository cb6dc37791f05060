#!/usr/bin/perl
# customer.pl LOG ADDRESS...: a client on the LAN that has file versions written and files read at each identity's address,
# every 40 ms. SIGUSR1: be modest from now on. Ends with the lab, or when it is told to.
#
#   A TIME ADDRESS NODE COUNT       so many changes were acknowledged by that node
#   R TIME ADDRESS NODE PATH SHA    what a reader was given
use strict;
use warnings;
use Socket;
use Time::HiRes qw(sleep time);

use constant { PORT => 7007, EVERY => 0.04, CHANGES => 20, MODEST => 1, READ_EVERY => 5 };

my ($path, @addresses) = @ARGV;
open(my $log, '>>', $path) or die "$path: $!";
socket(my $socket, AF_INET, SOCK_DGRAM, 0) or die "socket: $!";
my %server = map { $_ => pack_sockaddr_in(PORT, inet_aton($_)) } @addresses;
my ($ended, $changes) = (0, CHANGES);
$SIG{TERM} = sub { $ended = 1 };
$SIG{USR1} = sub { $changes = MODEST };

sub answers {
    my ($until) = @_;
    while ((my $wait = $until - time()) > 0) {
        my $ready = '';
        vec($ready, fileno($socket), 1) = 1;
        return unless select($ready, undef, undef, $wait) > 0;
        my $sender = recv($socket, my $answer, 512, MSG_DONTWAIT) // next;
        my ($node, @rest) = split ' ', $answer;
        my $from = inet_ntoa((sockaddr_in($sender))[1]);
        printf $log "%s %.3f %s %s %s\n", @rest == 2 ? 'R' : 'A', time() * 1000, $from, $node, "@rest" unless "@rest" eq 'nothing';
    }
}

for (my $turn = 0; !$ended; $turn++) {
    my $next = time() + EVERY;
    for my $address (@addresses) {
        send($socket, "W $changes", MSG_DONTWAIT, $server{$address});
        send($socket, 'R', MSG_DONTWAIT, $server{$address}) unless $turn % READ_EVERY;
    }
    answers($next);
    $log->flush;
}
