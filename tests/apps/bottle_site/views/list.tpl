<h1>{{title}}</h1>
% for item in items:
<li>{{item}}</li>
% end
