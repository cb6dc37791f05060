#!/usr/bin/perl
# echo.pl ADDRESS...: answers UDP port 7 (RFC 862) on each address, whether the node has it just now or not: so an answer
# comes when, and only when, the node holds the address. One socket an address, so that the answer's source is right.
use strict;
use warnings;
use Socket;

use constant IP_FREEBIND => 15;    # ip(7): bind to an address that is not there yet
use constant PORT => 7;

sub listen_on {
    my ($address) = @_;
    socket(my $socket, AF_INET, SOCK_DGRAM, 0) or die "socket: $!";
    setsockopt($socket, 0, IP_FREEBIND, pack("i", 1)) or die "IP_FREEBIND: $!";
    setsockopt($socket, SOL_SOCKET, SO_REUSEADDR, pack("i", 1));
    bind($socket, sockaddr_in(PORT, inet_aton($address))) or die "bind $address: $!";
    return $socket;
}

my %sockets = map { $_ => listen_on($_) } @ARGV;
while (1) {
    my $ready = '';
    vec($ready, fileno($_), 1) = 1 for values %sockets;
    next if select($ready, undef, undef, undef) < 0;
    for my $address (keys %sockets) {
        my $socket = $sockets{$address};
        next unless vec($ready, fileno($socket), 1);
        my $sender = recv($socket, my $request, 2048, MSG_DONTWAIT);
        if (defined $sender) { send($socket, $request, MSG_DONTWAIT, $sender) if length $sender }
        # A release closes sockets bound to the identity (ss -K): open anew.
        elsif (!$!{EAGAIN} && !$!{ECONNREFUSED}) { close $socket; $sockets{$address} = listen_on($address) }
    }
}
